"""Which activities a workflow asks for: what a fault matrix has to know, read from the code."""

import ast
import re
from pathlib import Path

ROOM = Path(__file__).parents[2] / "workflows"


def asked_by(workflow: str) -> set[str]:
    """Names of the activities in the calls of `workflows/<workflow>.py` and of what it imports from its room."""
    found: set[str] = set()
    todo, seen = [workflow], {workflow}
    while todo:
        for node in ast.walk(ast.parse((ROOM / f"{todo.pop()}.py").read_text())):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"workflow\.(execute|start)_(local_)?activity_method", ast.unparse(node.func)
            ):
                found.add(ast.unparse(node.args[0]).split(".")[1])
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "workflows":
                _, _, module = (node.module or "").partition(".")
                named = {module} if module else {alias.name for alias in node.names}
                todo += named - seen
                seen |= named
    return found

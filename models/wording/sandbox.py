"""The language of templates: a small part of Jinja's, in which nothing but facts and the room's own pieces exist.

What is not in it cannot loop for ever, grow without end or reach a Python object: a shop's own source is safe by what
it can say, and not by being watched.
"""

import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2 import (
    StrictUndefined,
    TemplateRuntimeError,
    TemplateSyntaxError,
    Undefined,
    nodes,
    pass_environment,
    pass_eval_context,
)
from jinja2.filters import FILTERS as ALL_FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 20_000
"""Characters of a source."""
DEEPEST = 2
"""Loops within each other."""
FILTERS = frozenset(
    "money day moment country reason upper lower capitalize trim length first last default join".split()
)
TESTS = frozenset({"defined", "undefined", "none", "string", "number", "mapping", "sequence", "eq", "ne", "in"})
PIECES = frozenset({"greeting", "basket", "place", "goods", "secret"})
"""What a template calls: parts that text and HTML have each in their own way."""

_SAID: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Filter, nodes.Test, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.Not, nodes.And,
    nodes.Or, nodes.Call, nodes.Keyword,
)  # fmt: skip
_LONGEST_GLUE = 20
_TURNS = "turns of a loop"
"""No name that a source could say."""
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Unusable(ValueError):
    """A source that is not rendered: why, and where."""

    def __init__(self, part: str, why: str, line: int | None = None) -> None:
        super().__init__(f"{part}, line {line}: {why}" if line else f"{part}: {why}")
        self.part = part
        """`subject`, `text` or `html`."""
        self.why = why
        self.line = line
        """Counted from 1; None where it cannot be told."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Facts are data: a name after a point is a key of it, and never something of Python's."""

    until = math.inf
    """Seconds of the thread's own time at which a loop has gone on for too long."""

    def __init__(self, **options: Any) -> None:
        super().__init__(undefined=StrictUndefined, trim_blocks=True, **options)
        self.filters[_TURNS], self.filters["join"] = _turns, _join

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, list | tuple) and type(argument) is int and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.getattr(obj, argument)


@pass_environment
def _turns(sandbox: Sandbox, of: Iterable[Any]) -> Iterator[Any]:
    """What a loop goes over, for as long as there is time: what it does may be much, and loops are within loops."""
    if isinstance(of, str):
        raise TemplateRuntimeError("a loop goes over a list, not over a text")
    for each in of:
        if time.thread_time() > sandbox.until:
            raise TemplateRuntimeError("its loops go on for too long")
        yield each


@pass_eval_context
def _join(context: EvalContext, of: Any, *glue: Any) -> Any:
    if isinstance(of, str):  # each time it would be twenty times as long
        raise TemplateRuntimeError("join takes a list, not a text")
    return ALL_FILTERS["join"](context, of, *glue)


def check(sandbox: Sandbox, part: str, source: str) -> nodes.Template:
    """A shop's own source, taken apart, when it says only what can be said. Raises: Unusable."""
    if len(source) > LONGEST:
        raise Unusable(part, f"longer than {LONGEST} characters")
    if _UNPRINTABLE.search(source):
        raise Unusable(part, "a character that no mail carries")
    try:
        tree = sandbox.parse(source)
    except TemplateSyntaxError as wrong:
        raise Unusable(part, wrong.message or "cannot be read", wrong.lineno) from wrong
    except (RecursionError, ValueError) as odd:  # deeper than Jinja reads, or a number longer than Python does
        raise Unusable(part, _why(odd)) from odd
    _check(part, tree, 0)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _TURNS, [], [], None, None, lineno=loop.lineno)
    tree.set_environment(sandbox)
    return tree


def _why(odd: Exception) -> str:
    return "nested too deeply" if isinstance(odd, RecursionError) else str(odd) or type(odd).__name__


def _check(part: str, node: nodes.Node, depth: int) -> None:
    why = _objection(node, depth)
    if why is not None:
        raise Unusable(part, why, node.lineno)
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Call) and not isinstance(node, nodes.Output):
            raise Unusable(part, "what is called stands alone, as in {{ basket() }}", child.lineno)
        _check(part, child, depth + isinstance(node, nodes.For))


def _objection(node: nodes.Node, depth: int) -> str | None:
    if not isinstance(node, _SAID):
        return f"{type(node).__name__.lower()} is not part of the language of templates"
    match node:
        case nodes.Filter() if node.name not in FILTERS:
            return f"there is no filter {node.name!r}"
        case nodes.Filter(name="join") if not all(_is_glue(each) for each in node.args) or node.kwargs:
            return f"join takes a text of at most {_LONGEST_GLUE} characters"
        case nodes.Filter(node=nodes.Filter(node=nodes.Filter(node=nodes.Filter()))):
            return "more than three filters after each other"
        case nodes.Filter() | nodes.Test() | nodes.Call() if node.dyn_args is not None or node.dyn_kwargs is not None:
            return "stars are not part of the language of templates"
        case nodes.Test() if node.name not in TESTS:
            return f"there is no test {node.name!r}"
        case nodes.Call() if not isinstance(node.node, nodes.Name) or node.node.name not in PIECES:
            return f"only {', '.join(sorted(PIECES))} can be called"
        case nodes.Getitem() if not isinstance(node.arg, nodes.Const):
            return "brackets take a name or a number"
        case nodes.For() if node.recursive or not isinstance(node.iter, nodes.Name | nodes.Getattr | nodes.Getitem):
            return "a loop goes over a fact"
        case nodes.For() if depth >= DEEPEST:
            return f"more than {DEEPEST} loops within each other"
    return None


def _is_glue(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str) and len(node.value) <= _LONGEST_GLUE

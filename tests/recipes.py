"""Pages whose shell commands are executed: those of a heading, in the order in which they stand, as a person would."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
_PART = re.compile(r"^## (?P<heading>[^\n]+)$|^```sh\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 240
"""Seconds that a block may take on a busy machine; usually it is less than one."""


def blocks(page: str) -> dict[str, list[str]]:
    """The `sh` blocks of a page by the heading that they stand below."""
    found: dict[str, list[str]] = {}
    heading = ""
    for part in _PART.finditer((DOCS / page).read_text()):
        if part["heading"]:
            heading = part["heading"]
        else:
            found.setdefault(heading, []).append(part["block"])
    return found


class Recipe:
    """What stands below one heading, to be executed block by block; what a block is about is in variables."""

    def __init__(self, page: str, heading: str, **known: str) -> None:
        self.heading = heading
        self.known = dict(known)
        """What the page's reader has set: addresses, and what the commands are about."""
        self._left = blocks(page)[heading]

    async def next(self, **known: str) -> str:
        """Execute the next block, with these variables too; what it printed. A command that fails ends the test."""
        self.known.update(known)
        block = self._left.pop(0)
        printed, error, code = await shell(block, self.known)
        assert code == 0, f"{self.heading}:\n{block}\nended with {code}:\n{printed}{error}"
        return printed

    def is_over(self) -> bool:
        """Whether every block was executed."""
        return not self._left


async def shell(block: str, known: Mapping[str, str]) -> tuple[str, str, int]:
    """What a block of commands printed, to both outputs, and how it ended."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": "/nonexistent", "NO_COLOR": "1",
        **known,
    }  # fmt: skip
    running = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", block, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            printed, error = await running.communicate()
    except TimeoutError:
        running.kill()
        raise
    assert running.returncode is not None
    return printed.decode(), error.decode(), running.returncode

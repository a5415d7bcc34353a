"""Has papers drawn in a process of its own, which gives way to all others: orders never wait for ReportLab."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from models.errors import Unavailable
from models.papers.paper import Paper
from models.papers.press import draw

PATIENCE = 25
"""Seconds for a batch."""

_HERE = Path(__file__).resolve().parents[2]
_PROGRAM = (sys.executable, "-E", "-s", "-B", "-m", "models.papers.apart")


class Drawn(msgspec.Struct, frozen=True):
    """What became of one paper: exactly one of the two is set."""

    file: bytes | None = None
    error: str | None = None


_wanted = msgspec.msgpack.Decoder(list[Paper])
_told = msgspec.msgpack.Decoder(list[Drawn])


async def drawn(papers: Sequence[Paper]) -> list[Drawn]:
    """Each paper as a file, or why it cannot be one. Raises: Unavailable when the process did not come to its end."""
    return await asyncio.to_thread(_run, msgspec.msgpack.encode(papers))


def _run(wanted: bytes) -> list[Drawn]:
    try:  # nothing of our environment goes along: it holds keys
        done = subprocess.run(  # noqa: S603 (a program of ours, without arguments)
            _PROGRAM, input=wanted, capture_output=True, timeout=PATIENCE, cwd=_HERE, env={}, check=True
        )
        return _told.decode(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise Unavailable("press", "drawing took too long") from error
    except (subprocess.CalledProcessError, msgspec.DecodeError) as error:
        said = getattr(error, "stderr", b"")[-500:].decode("utf-8", "replace")
        raise Unavailable("press", f"it ended with {getattr(error, 'returncode', 'no answer')}: {said}") from error


def _one(paper: Paper) -> Drawn:
    try:
        return Drawn(draw(paper)[0])
    except Exception as error:  # noqa: BLE001 - one paper that cannot be drawn holds up no other
        return Drawn(error=f"{type(error).__name__}: {str(error)[:300]}")


def main(source: Any, target: Any) -> None:
    """The program: papers in, files out."""
    os.nice(10)
    target.write(msgspec.msgpack.encode([_one(paper) for paper in _wanted.decode(source.read())]))
    target.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)

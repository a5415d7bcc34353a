"""Has papers drawn in a process of its own: orders never wait for ReportLab."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.errors import Unavailable
from models.papers.paper import Drawn, Paper

PATIENCE = 25
"""Seconds for a batch."""

_HERE = Path(__file__).resolve().parents[2]
_PROGRAM = (sys.executable, "-E", "-s", "-B", "-m", "models.papers.program")
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

"""Where pictures from strangers are developed: a process for each, a few at a time, that ends with its picture.

The decoders' memory and mistakes are never ours, and the event loop only waits.
"""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import msgspec
import structlog

from models.errors import Refusal, Unavailable
from models.picture import LARGEST_FILE, Developed, Rendition, Spoiled

log = structlog.get_logger()

AT_ONCE = 2
MOST_WAITING = 20
"""Pictures that may wait for their turn; more are sent away."""
PATIENCE = 60
"""Seconds; the process itself spends no more than 20 of a processor."""

_HERE = Path(__file__).resolve().parents[1]
_PROGRAM = (sys.executable, "-E", "-s", "-B", "-m", "models.picture")
_told = msgspec.msgpack.Decoder(Developed | Spoiled)


class Darkroom:
    """Develops pictures in processes of their own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "darkroom")
        self._under_way = 0

    async def develop(self, file: IO[bytes]) -> list[Rendition]:
        """The picture that an open file holds, drawn anew in its sizes, the smallest first.

        Raises: Refusal `image_unacceptable` (facts: `reason`: `unknown_kind`, `broken`, `too_large`); Unavailable when
        too many wait.
        """
        if self._under_way >= AT_ONCE + MOST_WAITING:
            raise Unavailable("pictures", "too many are being looked at at this moment")
        self._under_way += 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, _developed, file)
        finally:
            self._under_way -= 1
        if isinstance(found, Spoiled):
            raise Refusal("image_unacceptable", found.detail, reason=found.reason)
        return found.renditions

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _developed(file: IO[bytes]) -> Developed | Spoiled:
    if file.seek(0, os.SEEK_END) > LARGEST_FILE:
        return Spoiled("too_large", f"A picture's file has at most {LARGEST_FILE:,} bytes.")
    file.flush()
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # where the other process begins to read
    try:  # nothing of our environment goes along: it holds keys
        done = subprocess.run(  # noqa: S603 (a program of ours, without arguments)
            _PROGRAM, stdin=file, capture_output=True, timeout=PATIENCE, cwd=_HERE, env={}, check=True
        )
        told: Developed | Spoiled = _told.decode(done.stdout)
        return told
    except subprocess.TimeoutExpired as error:
        raise Unavailable("pictures", "developing took too long") from error
    except (subprocess.CalledProcessError, msgspec.DecodeError) as error:
        said = getattr(error, "stderr", b"")[-500:].decode("utf-8", "replace")
        log.warning("a picture broke its decoder", exit_code=getattr(error, "returncode", None), said=said)
        return Spoiled("broken", "This picture cannot be read.")

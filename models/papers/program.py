"""The press as a program: papers in, files out, in a process that gives way to all others.

It loads what drawing needs and no more: how soon somebody has their invoice is mostly how soon this has begun.
"""

import os
import sys
from typing import Any

import msgspec

from models.papers.paper import Drawn, Paper
from models.papers.press import draw

_wanted = msgspec.msgpack.Decoder(list[Paper])


def _one(paper: Paper) -> Drawn:
    try:
        return Drawn(draw(paper)[0])
    except Exception as error:  # noqa: BLE001 - one paper that cannot be drawn holds up no other
        return Drawn(error=f"{type(error).__name__}: {str(error)[:300]}")


def main(source: Any, target: Any) -> None:
    """A list of papers is read, a list of `Drawn` written, both as MessagePack."""
    os.nice(10)
    target.write(msgspec.msgpack.encode([_one(paper) for paper in _wanted.decode(source.read())]))
    target.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)

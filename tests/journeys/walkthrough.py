"""Reads a guide made of requests and answers, so that a test can send the ones and hold the others against the truth.

A request is a fenced block ```http: its line, headers, a blank line, the body. The block ```json after it is the
answer, its status stands in bold beside it (**201**). `{name}` in a request is a value of an earlier answer by its
key, or by the end of its path (`{totals.total.amount}`). In an answer "…" ends a string that goes on, and as a key or
as the last element it says that there is more.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

_STEP = re.compile(r"```http\n(?P<request>.*?)```\n(?P<prose>.*?)(?=```http|\Z)", re.DOTALL)
_STATUS = re.compile(r"\*\*([1-5]\d\d)\*\*")
_ANSWER = re.compile(r"```json\n(.*?)```", re.DOTALL)
_NAME = re.compile(r"\{([a-z_0-9]+(?:\.[a-z_0-9]+)*)\}")


class Step(msgspec.Struct, frozen=True):
    """One request and what the guide says comes back."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    answer: Any


def steps(guide: Path) -> Iterator[Step]:
    """The guide's requests in their order. Raises: ValueError for one that does not say what it answers."""
    for found in _STEP.finditer(guide.read_text()):
        head, _, body = found["request"].partition("\n\n")
        first, *lines = head.strip().splitlines()
        method, path = first.split()
        status, answer = _STATUS.search(found["prose"]), _ANSWER.search(found["prose"])
        if status is None:
            raise ValueError(f"{first}: the guide does not say what it answers")
        headers = dict(line.split(": ", 1) for line in lines)
        told = json.loads(answer[1]) if answer else None
        yield Step(method, path, headers, body.strip(), int(status[1]), told)


def filled_in(text: str, known: Mapping[str, str]) -> str:
    """`text` with the values of earlier answers. Raises: KeyError for one that no answer had."""
    return _NAME.sub(lambda name: known[name[1]], text)


def learn(answer: Any, known: dict[str, str], path: str = "") -> None:
    """Remember every value of an answer, by its key and by its path as far as one cares to write it.

    The newest answer wins, and in a list the first element.
    """
    if isinstance(answer, dict):
        for key, value in answer.items():
            learn(value, known, f"{path}.{key}")
    elif isinstance(answer, list):
        for value in reversed(answer):
            learn(value, known, path)
    else:
        steps = path.strip(".").split(".")
        for start in range(len(steps)):
            known[".".join(steps[start:])] = str(answer)


def differences(told: Any, true: Any, at: str = "") -> Iterator[str]:
    """Where the guide does not tell the truth."""
    if isinstance(told, dict) and isinstance(true, dict):
        for key in told.keys() - {"…"}:
            if key in true:
                yield from differences(told[key], true[key], f"{at}/{key}")
            else:
                yield f"{at}/{key} is told and not there"
        if "…" not in told:
            yield from (f"{at}/{key} is there and not told" for key in true.keys() - told.keys())
    elif isinstance(told, list) and isinstance(true, list):
        if told[-1:] == ["…"]:
            told, true = told[:-1], true[: len(told) - 1]
        if len(told) != len(true):
            yield f"{at} has {len(true)} elements, told are {len(told)}"
        for index, (mine, its) in enumerate(zip(told, true, strict=False)):
            yield from differences(mine, its, f"{at}/{index}")
    elif isinstance(told, str) and told.endswith("…"):
        if not (isinstance(true, str) and true.startswith(told[:-1])):
            yield f"{at} is {true!r}, told is {told!r}"
    elif told != true or type(told) is not type(true):
        yield f"{at} is {true!r}, told is {told!r}"

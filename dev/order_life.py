"""Draws the life of an order from the data that governs it: `python -m dev.order_life` writes it into the docs."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from models.edit import EDIT_MOVES
from models.order import BUYER_ACTIONS, FULFILMENT_MOVES, ORDER_MOVES, STAFF_ACTIONS, Action, When
from models.payment import PAYMENT_MOVES
from models.returns import RETURN_MOVES

PAGE = Path(__file__).parent.parent / "docs" / "order-life.md"
BEGIN, END = "<!-- drawn from the data: {} -->", "<!-- end of {} -->"

S = TypeVar("S", bound=StrEnum)


def picture(moves: Mapping[S, frozenset[S]]) -> str:
    """A state picture in Mermaid: the first status begins, those without moves are the ends."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(moves))}"]
    for start, ends in moves.items():
        lines += [f"    {start} --> {end}" for end in sorted(ends)] or [f"    {start} --> [*]"]
    return "\n".join([*lines, "```"])


def actions(table: Mapping[Action, tuple[When, ...]]) -> str:
    """A table of who can do what, and where the order has to stand for it."""
    lines = ["| action | status | payment | fulfilment | attention |", "|---|---|---|---|---|"]
    for action, whens in table.items():
        lines += [f"| `{action}` | {' | '.join(_cells(when))} |" for when in whens]
    return "\n".join(lines)


def _cells(when: When) -> Iterator[str]:
    for words in (when.status, when.payment, when.fulfilment):
        yield "any" if words is None else ", ".join(sorted(words))
    yield "any" if when.attention is None else "needed" if when.attention else "not needed"


DRAWN: Mapping[str, str] = {
    "order": picture(ORDER_MOVES), "payment": picture(PAYMENT_MOVES), "fulfilment": picture(FULFILMENT_MOVES),
    "return": picture(RETURN_MOVES), "edit": picture(EDIT_MOVES),
    "buyer": actions(BUYER_ACTIONS), "staff": actions(STAFF_ACTIONS),
}  # fmt: skip


def redrawn(page: str) -> str:
    """The page with every picture and table as the data has it now."""
    for name, drawn in DRAWN.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{drawn}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text()))

"""What an order costs is stated in the docs, and does not grow unnoticed.

A story is recorded with its cost (see test_histories.py), the docs tell that, and today's code may not need more. Who
means it to cost more records anew and says so in the docs.
"""

import re
from pathlib import Path

import pytest

from tests.flow import Flow
from tests.workflows import costs, stories
from tests.workflows.costs import Cost

DOCS = Path(__file__).parents[2] / "docs" / "order-life.md"
LATE = 2
"""Workflow tasks that a busy machine may need beyond those of a quiet one: three events each, and their transitions."""
TELLINGS = 3
"""How often a story is told at most: when the machine pauses, a quick try at the provider is given up and a patient one
follows, which costs more and is nothing of the story's."""
COUNTED = (stories.refused, stories.delivered, stories.confirmed_at_the_bank, stories.cancelled_after_payment)


def told() -> dict[str, Cost]:
    """The table of the docs."""
    rows = re.findall(r"^\| `(\w+)` \|" + r" ([\d,]+) \|" * 5, DOCS.read_text(), re.MULTILINE)
    return {name: Cost(*(int(number.replace(",", "")) for number in numbers)) for name, *numbers in rows}


def test_the_docs_tell_what_was_recorded() -> None:
    """Each recorded story of an order is in the table, with its figures."""
    assert told() == costs.stated()
    assert set(told()) == {story.__name__ for story in stories.ALL}


@pytest.mark.parametrize("story", COUNTED, ids=lambda story: story.__name__)
async def test_an_order_costs_what_is_stated(flow: Flow, story: stories.Story) -> None:
    """Given a story told today, then it has the events that are stated, and no more bytes, transitions and actions."""
    wanted = costs.stated()[story.__name__]
    found: list[Cost] = []
    while len(found) < TELLINGS and not (found and as_stated(found[-1], wanted)):
        found.append(await costs.of(await story(await stories.Shelf.open(flow))))
    assert as_stated(found[-1], wanted), (found, wanted)


def as_stated(cost: Cost, wanted: Cost) -> bool:
    """The same events, but for some workflow tasks, and no more of the rest than those may need."""
    return (
        cost.events - cost.tasks == wanted.events - wanted.tasks
        and cost.tasks <= wanted.tasks + 3 * LATE
        and cost.bytes <= 1.1 * wanted.bytes + 300 * LATE
        and cost.transitions <= wanted.transitions + 3 * LATE
        and cost.actions <= wanted.actions + LATE
    )

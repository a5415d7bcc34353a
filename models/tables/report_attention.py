"""What waits for a person while the report is made: the queue as a table, for whoever reads it without the desk."""

from models import attention
from models.attention import Urgency
from models.database import Fetch
from models.reports.days import Span
from models.reports.report import Column, Figure, Made, Sheet, Unit
from models.tables import attention_queue as queue

_NAMES = ("kind", "urgency", "since", "until", "order", "why", "taken_by")


async def attention_digest(fetch: Fetch, day: Span) -> Made:
    """By urgency and kind how much waits, and each thing with why; what was waiting once is not known any more."""
    waits = await queue.waiting(fetch)
    counted: dict[tuple[Urgency, str], int] = {}
    for need in waits:
        counted[need.urgency, need.kind] = counted.get((need.urgency, need.kind), 0) + 1
    things = [
        [
            need.kind, need.urgency, need.since.isoformat(), need.until.isoformat() if need.until else None,
            need.order.number if need.order else None, attention.why(need),
            str(need.assigned_to.id) if need.assigned_to else None,
        ]
        for need in waits
    ]  # fmt: skip
    kinds = Sheet(
        "kinds", (Column("urgency"), Column("kind"), Column("waiting", Unit.COUNT)),
        [[urgency, kind, many] for (urgency, kind), many in counted.items()],
    )  # fmt: skip
    by_urgency = {each: sum(many for (urgency, _), many in counted.items() if urgency is each) for each in Urgency}
    figures = tuple(Figure("waiting", many, of=each) for each, many in by_urgency.items())
    return Made((kinds, Sheet("things", tuple(Column(name) for name in _NAMES), things)), figures)

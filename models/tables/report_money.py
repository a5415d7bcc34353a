"""What a day moved in the ledger of money, what providers say of what they made on it, and where both differ."""

from models.database import Fetch
from models.ids import first_id
from models.money import Money
from models.reports.days import Span
from models.reports.report import Column, Figure, Made, Sheet, Unit
from models.tables import charge, refund_part
from models.tables.report_span import EARLY, within

_MOVEMENTS = f"""
SELECT account, split_part(operation, '/', 1) AS operation, currency, count(*)::bigint AS entries,
       sum(amount)::bigint AS amount
FROM money_entries WHERE {within("$1", "$2", "$3", "$4")} GROUP BY 1, 2, 3 ORDER BY 1, 3, 2
"""  # noqa: S608 - words of ours
_OBJECTS = f"""
SELECT s.provider, s.thing, s.currency, count(*)::bigint AS objects, sum(s.theirs)::bigint AS theirs,
       sum(s.ours)::bigint AS ours, count(*) FILTER (WHERE s.theirs <> s.ours)::bigint AS differ
FROM (
    SELECT x.provider, x.thing, x.currency, x.moved AS theirs, coalesce(p.captured, 0) AS ours
    FROM provider_objects x
    LEFT JOIN {charge.PAID} p ON p.id = x.ours AND p.provider = x.provider AND p.reference = x.reference
    WHERE x.thing = 'payment' AND x.made_at >= $1 AND x.made_at < $2
    UNION ALL
    SELECT x.provider, x.thing, x.currency, CASE WHEN x.standing = 'succeeded' THEN x.amount ELSE 0 END,
           coalesce(CASE WHEN r.status = 'succeeded' THEN r.sent END, 0)
    FROM provider_objects x LEFT JOIN {refund_part.SENT} r ON r.id = x.ours
    WHERE x.thing = 'refund' AND x.made_at >= $1 AND x.made_at < $2
    UNION ALL
    SELECT x.provider, x.thing, x.currency, x.moved,
           coalesce(d.withdrawn + d.fee - d.returned - d.fee_returned, 0)
    FROM provider_objects x LEFT JOIN disputes d ON d.provider = x.provider AND d.reference = x.reference
    WHERE x.thing = 'dispute' AND x.made_at >= $1 AND x.made_at < $2
) s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608
_CASES = """
SELECT c.kind, c.object, c.provider, o.number, c.opened_at, c.closed_at
FROM cases c LEFT JOIN orders o ON o.id = c.order_id
WHERE c.opened_at < $2 AND (c.closed_at IS NULL OR c.closed_at >= $1) ORDER BY c.opened_at, c.id
"""
_MONEY, _COUNT = Unit.MONEY, Unit.COUNT


async def payments_reconciliation(fetch: Fetch, day: Span) -> Made:
    """By account and operation what was booked; by provider both sides of what it made; cases that were open."""
    moments = day.starts_at, day.ends_at
    booked = await fetch(_MOVEMENTS, first_id(day.starts_at - EARLY), first_id(day.ends_at + EARLY), *moments)
    made, open_cases = await fetch(_OBJECTS, *moments), await fetch(_CASES, *moments)
    names = ("account", "operation", "currency", "entries", "amount")
    units = {"entries": _COUNT, "amount": _MONEY}
    movements = Sheet(
        "movements", tuple(Column(name, units.get(name, Unit.TEXT)) for name in names),
        [[row[name] for name in names] for row in booked],
    )  # fmt: skip
    providers = Sheet(
        "providers",
        (
            Column("provider"), Column("thing"), Column("currency"), Column("objects", _COUNT),
            Column("differ", _COUNT), Column("theirs", _MONEY), Column("ours", _MONEY), Column("difference", _MONEY),
        ),
        [
            [row["provider"], row["thing"], row["currency"], row["objects"], row["differ"], row["theirs"], row["ours"],
             row["theirs"] - row["ours"]]
            for row in made
        ],
    )  # fmt: skip
    told = ("kind", "object", "provider", "order", "opened_at", "closed_at")
    cases = Sheet(
        "cases", tuple(Column(name) for name in told),
        [
            [row["kind"], row["object"], row["provider"], row["number"], row["opened_at"].isoformat(),
             row["closed_at"].isoformat() if row["closed_at"] and row["closed_at"] < day.ends_at else None]
            for row in open_cases
        ],
    )  # fmt: skip
    figures = [
        Figure("booked", amount=Money(total, currency), of=account)
        for (account, currency), total in _by_provider(movements).items()
    ]
    left = sum(1 for row in cases.rows if row[5] is None)
    differ = sum(row["differ"] for row in made)
    return Made((movements, providers, cases), (*figures, Figure("differ", differ), Figure("open_cases", left)))


def _by_provider(movements: Sheet) -> dict[tuple[str, str], int]:
    """What each provider has more of since the day began."""
    found: dict[tuple[str, str], int] = {}
    for account, _, currency, _, amount in movements.rows:
        if str(account).startswith("provider:"):
            place = str(account).removeprefix("provider:"), str(currency)
            found[place] = found.get(place, 0) + int(amount or 0)
    return found

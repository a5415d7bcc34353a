"""How the shop stands, in numbers for whoever watches it: cheap looks, by index or at tables that stay small.

What is open is counted anew at each look. What happens is counted from one look to the next, in the order in which
transactions ended (see order_feed): each fact once.
"""

from collections.abc import Mapping, Sequence

import msgspec

from models.database import Database
from models.order import OrderStatus

OPEN = tuple(
    status
    for status in OrderStatus
    if status not in (OrderStatus.DELIVERED, OrderStatus.COMPLETED, OrderStatus.CANCELLED)
)
"""Orders somebody still has to do something about."""
COUNTED = 1000
"""News of orders that one who follows them is behind, at most; what is more is told as so many."""
FRESH = "1 hour"
"""How old a webhook of a provider may be that is looked at: who sends it tries again for days."""

_OPEN_ORDERS = (
    "SELECT status, count(*) FROM orders WHERE status NOT IN ('delivered', 'completed', 'cancelled') GROUP BY 1"
)
_STOCK = "SELECT coalesce(sum(held), 0) AS held, coalesce(sum(backordered), 0) AS backordered FROM stock"
_REFUNDS = "SELECT count(*) FROM refunds WHERE status = 'open'"
_RECONCILED = "SELECT drift, ended_at FROM reconciliations ORDER BY ended_at DESC, id DESC LIMIT 1"
_QUEUES = f"""
SELECT 'letters' AS queue, count(*), min(due_at) AS oldest
FROM outbox WHERE topic = 'mail' AND settled_at IS NULL AND due_at <= now()
UNION ALL
SELECT 'incoming_webhooks', count(*), min(received_at)
FROM webhook_events WHERE received_at > now() - interval '{FRESH}' AND settled_at IS NULL
UNION ALL
SELECT 'outgoing_webhooks', count(*), min(d.due_at)
FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id
WHERE d.status = 'waiting' AND d.due_at <= now() AND w.status = 'active'
UNION ALL
SELECT 'catalogue_' || reader, count(*), min(created_at) FROM catalogue_changes GROUP BY reader
UNION ALL
SELECT 'orders_' || replace(w.reader, '-', '_'), count(e.at), min(e.at)
FROM unnest($1::text[], $2::text[]) AS w (reader, types)
LEFT JOIN order_readers r ON r.name = w.reader
LEFT JOIN LATERAL (
    SELECT e.at FROM order_events e
    WHERE (e.xid, e.id) > (coalesce(r.xid, '0'), coalesce(r.id, '00000000-0000-0000-0000-000000000000'))
      AND e.type = ANY (string_to_array(w.types, ','))
    ORDER BY e.xid, e.id LIMIT {COUNTED}
) e ON true
GROUP BY 1
"""  # noqa: S608 - words of ours
_NOW = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid"
MONEY = {"order_placed": "total", "payment_captured": "amount", "refund_succeeded": "amount"}
"""Facts whose money is added up, and what they call it."""
_FACTS = """
WITH seen AS (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS upto)
SELECT seen.upto::text AS upto, e.type, money.sum ->> 'currency' AS currency,
       count(e.id), coalesce(sum((money.sum ->> 'amount')::bigint), 0) AS amount
FROM seen LEFT JOIN order_events e ON e.xid >= $1::text::xid8 AND e.xid < seen.upto
LEFT JOIN unnest($2::text[], $3::text[]) AS told (type, name) ON told.type = e.type
LEFT JOIN LATERAL (SELECT e.facts -> told.name AS sum) money ON true
GROUP BY 1, 2, 3
"""


class Queue(msgspec.Struct, frozen=True):
    """What waits for one of our own readers, and is due."""

    waiting: int
    oldest: float
    """Seconds that the first of it has waited; 0: nothing does."""


NOTHING = Queue(0, 0)


class Standing(msgspec.Struct, frozen=True):
    """What is open now."""

    orders: dict[str, int]
    """By status; every open one is there."""
    units_held: int
    units_backordered: int
    refunds: int
    drift: int
    """What payment providers and we told differently when they were last compared."""
    reconciled_at: float
    """When that was, in seconds since 1970; 0: never."""
    queues: dict[str, Queue]


class Happened(msgspec.Struct, frozen=True):
    """Facts of one type, of all orders, that came to light between two looks."""

    type: str
    currency: str | None
    """None: they are not about money."""
    count: int
    amount: int
    """Minor units, all together."""


async def open_orders(database: Database) -> dict[str, int]:
    """How many there are, by status."""
    found = {row["status"]: row["count"] for row in await database.fetch_planned(_OPEN_ORDERS)}
    return {status.value: found.get(status, 0) for status in OPEN}


async def look(database: Database, followers: Mapping[str, Sequence[str]]) -> Standing:
    """Everything that is open. `followers`: who follows orders, and which types of facts they wait for."""
    found = {row["status"]: row["count"] for row in await database.fetch_planned(_OPEN_ORDERS)}
    [stock] = await database.fetch_planned(_STOCK)
    [refunds] = await database.fetch_planned(_REFUNDS)
    compared = await database.fetch_planned(_RECONCILED)
    drift, at = (compared[0]["drift"], compared[0]["ended_at"].timestamp()) if compared else (0, 0.0)
    [now] = await database.fetch_planned("SELECT now() AS at")
    types = [",".join(each) for each in followers.values()]
    queues = {
        row["queue"]: Queue(row["count"], max((now["at"] - row["oldest"]).total_seconds(), 0) if row["oldest"] else 0)
        for row in await database.fetch_planned(_QUEUES, list(followers), types)
    }
    return Standing(
        {status: found.get(status, 0) for status in OPEN}, stock["held"], stock["backordered"], refunds["count"], drift,
        at, queues,
    )  # fmt: skip


async def now(database: Database) -> int:
    """From where on facts are counted by somebody who begins now."""
    return int((await database.fetch_planned(_NOW))[0]["xid"])


async def since(database: Database, place: int) -> tuple[int, list[Happened]]:
    """What happened since `place`, and the place from which to go on."""
    rows = await database.fetch_planned(_FACTS, str(place), list(MONEY), list(MONEY.values()))
    return int(rows[0]["upto"]), [
        Happened(row["type"], row["currency"], row["count"], int(row["amount"])) for row in rows if row["type"]
    ]

"""The one list of what waits for a person: read from what is true now, so that nothing stays in it that is settled.

What workflows ask for are rows of `attentions`; the rest follows from the rows it is about. What staff say of a thing
is kept beside it (`attention_marks`): one that is resolved is away while nothing new is known of it, and no longer
than `QUIET`, unless it is one of which nothing more happens by itself.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from models.attention import FINAL, SEVERITIES, AttentionKind, Need, Resolution, Severity, Stands, Urgency
from models.audit import Actor
from models.cursor import Rank
from models.database import Database, Fetch
from models.ids import OrderId, OrderNumber, UserId
from models.tables.base import plain_uuid

QUIET = timedelta(days=1)
"""What somebody called resolved and is still so after that, is back."""
RECENT = timedelta(days=7)
"""A letter that reached nobody is told for so long."""
LATE = timedelta(hours=1)
"""A letter that waits, or a paper that is no file, for so long needs a person."""

_SOURCES = (
    # What workflows and steps have asked for; where the thing has rows that say more, these are told instead.
    """SELECT a.kind, a.name, a.order_id, a.asked_at AS since, NULL::timestamptz AS until, false AS late,
              a.fact || a.why AS seen, a.step, a.times, a.workflow_id,
              jsonb_build_object('why', a.why, 'topic', a.topic) AS facts
       FROM attentions a
       WHERE a.kind NOT IN ('held', 'return_waiting') AND NOT (
           a.kind = 'dispute' AND EXISTS (
               SELECT FROM disputes d WHERE d.status = 'open' AND 'dispute/' || d.reference = a.topic
           )
       )""",
    """SELECT 'held', 'held/' || s.order_id, s.order_id, s.held_at, s.until, false, '', NULL, 1, NULL,
              jsonb_build_object('score', s.score, 'limit', s.points_allowed)
       FROM screenings s JOIN orders o ON o.id = s.order_id WHERE s.decision IS NULL AND o.status = 'on_hold'""",
    """SELECT 'return_waiting', 'return/' || r.id, r.order_id, coalesce(r.received_at, r.requested_at), NULL,
              EXISTS (SELECT FROM attentions a WHERE a.name = r.order_id || '/return/' || r.n || '/attention'),
              r.status, NULL, 1, 'return/' || r.order_id || '/' || r.n,
              jsonb_build_object('id', r.id, 'n', r.n, 'status', r.status)
       FROM returns r WHERE r.status IN ('requested', 'received')""",
    """SELECT 'promise_passed', 'promise/' || b.order_id, b.order_id, min(b.promised_at), NULL, false,
              string_agg(v.sku, ',' ORDER BY v.sku), NULL, 1, NULL,
              jsonb_build_object('skus', jsonb_agg(v.sku ORDER BY v.sku))
       FROM backorders b JOIN variants v ON v.id = b.variant_id JOIN orders o ON o.id = b.order_id
       WHERE b.quantity > b.filled + b.given_up AND b.promised_at < now() AND o.status IN ('confirmed', 'processing')
       GROUP BY b.order_id""",
    """SELECT 'case', 'case/' || c.kind || '/' || c.object, c.order_id, c.opened_at, NULL, false, c.facts::text, NULL,
              1, NULL, jsonb_build_object('id', c.id, 'kind', c.kind, 'object', c.object, 'provider', c.provider)
       FROM cases c WHERE c.closed_at IS NULL""",
    """SELECT 'approval_waiting', 'approval/' || a.id, a.order_id, a.asked_at, a.expires_at, false, '', NULL, 1, NULL,
              jsonb_build_object('id', a.id, 'action', a.action, 'subject', a.subject, 'amount', a.amount,
                                 'currency', a.currency)
       FROM approvals a WHERE a.status = 'pending' AND a.expires_at > now()""",
    """SELECT 'dispute', 'dispute/' || d.reference, d.order_id, d.opened_at, d.answer_by, false, d.amount::text, NULL,
              1, 'dispute/' || d.provider || '/' || d.reference,
              jsonb_build_object('reference', d.reference, 'amount', d.amount, 'currency', d.currency,
                                 'reason', d.reason, 'provider', d.provider)
       FROM disputes d WHERE d.status = 'open'""",
    """SELECT 'payout_failed', 'payout/' || p.id, NULL, p.settled_at, NULL, false, '', 'send a payout', 1,
              'payout/' || p.vendor_id || '/' || p.currency || '/' || p.day,
              jsonb_build_object('vendor', v.slug, 'amount', p.amount, 'currency', p.currency, 'error', p.error,
                                 'destination', p.destination)
       FROM payouts p JOIN vendors v ON v.id = p.vendor_id
       WHERE p.status = 'failed' AND NOT EXISTS (
           SELECT FROM payouts n WHERE n.vendor_id = p.vendor_id AND n.currency = p.currency AND n.day > p.day
       )""",
    f"""SELECT 'papers_unwritten', 'paper/' || p.id, p.order_id, p.issued_at, NULL, false, '', NULL, 1, NULL,
              jsonb_build_object('label', p.series || '-' || lpad(p.number::text, 6, '0'))
       FROM papers p WHERE p.sha256 IS NULL AND p.issued_at < now() - interval '{LATE.seconds} seconds'""",  # noqa: S608
    f"""SELECT 'letter_unsent', 'letter/' || x.id, o.id, x.created_at, NULL, false, x.error, NULL, x.tries, NULL,
              jsonb_build_object('id', x.id, 'template', x.payload ->> 'template', 'error', left(x.error, 200))
       FROM outbox x LEFT JOIN orders o ON o.id = x.order_id
       WHERE x.topic = 'mail' AND x.error IS NOT NULL AND x.error NOT LIKE 'withdrawn: %'
         AND coalesce(x.settled_at > now() - interval '{RECENT.days} days',
                      x.created_at < now() - interval '{LATE.seconds} seconds')""",  # noqa: S608
    """SELECT 'template_failing', 'template/' || t.id, NULL, t.failed_at, NULL, false, t.failures::text, NULL,
              t.failures, NULL, jsonb_build_object('template', t.template, 'language', t.language,
                                               'error', left(t.failure, 200))
       FROM mail_templates t WHERE t.active AND t.failed_at IS NOT NULL""",
    """SELECT 'receiver_paused', 'receiver/' || w.id, NULL, w.updated_at, NULL, false, w.updated_at::text, NULL,
              1, NULL, jsonb_build_object('id', w.id, 'host', substring(w.url FROM '^[a-z]+://(?:[^/@]*@)?([^/?#]+)'),
                                 'error', w.paused_reason)
       FROM webhook_endpoints w WHERE w.status = 'paused'""",
)  # fmt: skip

_KINDS = ", ".join(f"('{kind}', {SEVERITIES[kind].value}, {str(kind in FINAL).lower()})" for kind in AttentionKind)
_MOST_URGENT, _LEAST_URGENT = min(Severity).value, max(Severity).value
_NEEDS = f"""
WITH waiting AS ({" UNION ALL ".join(_SOURCES)}), needs AS (
    SELECT md5(w.name)::uuid AS id, w.*, m.assigned_to, m.assigned_at, m.resolved_by, m.resolved_at, m.reason,
           greatest(k.severity - (w.late OR coalesce(w.until < now(), false))::int, {_MOST_URGENT}) AS severity,
           coalesce(
               m.resolved_at IS NOT NULL AND m.seen = w.seen
               AND (k.final OR m.resolved_at > now() - interval '{QUIET.days} days'), false
           ) AS is_resolved
    FROM waiting w JOIN (VALUES {_KINDS}) AS k (kind, severity, final) ON k.kind = w.kind
    LEFT JOIN attention_marks m ON m.id = md5(w.name)::uuid
)"""  # noqa: S608 - words of ours
_ROW = """
SELECT n.*, n.facts::text AS told, o.number, o.status, o.fulfilment_status, o.workflow_id AS owner,
       o.attention IS NOT NULL AS asks, p.status AS payment_status, p.provider, p.reference,
       assignee.email AS assignee, resolver.email AS resolver,
       (extract(epoch FROM n.since) * 1000000)::bigint + n.severity * 100000000000000000 AS rank
FROM needs n
LEFT JOIN orders o ON o.id = n.order_id LEFT JOIN payments p ON p.order_id = o.id
LEFT JOIN users assignee ON assignee.id = n.assigned_to AND assignee.erased_at IS NULL
LEFT JOIN users resolver ON resolver.id = n.resolved_by AND resolver.erased_at IS NULL
"""


class Sought(msgspec.Struct, frozen=True):
    """Which of them. Filters add up; None: any."""

    kind: AttentionKind | None = None
    urgency: Urgency | None = None
    older_than: timedelta | None = None
    order: OrderNumber | None = None
    assigned_to: UserId | None = None
    assigned: bool | None = None
    """Whether somebody has taken it."""
    resolved: bool = False
    """Those that are away because somebody says that they are resolved, instead of those that are not."""


class Page(msgspec.Struct, frozen=True):
    """Some of the queue, and how many there are in all."""

    items: list[Need]
    ranks: list[Rank]
    total: int


async def listed(database: Database, limit: int, sought: Sought, after: Rank | None = None) -> Page:
    """The most urgent first, of these the oldest."""
    arguments: list[object] = [limit, sought.resolved]
    conditions = ["n.is_resolved = $2"]

    def add(condition: str, value: object) -> None:
        arguments.append(value)
        conditions.append(condition.format(f"${len(arguments)}"))

    if sought.kind is not None:
        add("n.kind = {}", sought.kind)
    if sought.urgency is not None:
        add("n.severity = {}", Severity[sought.urgency.name].value)
    if sought.older_than is not None:
        add("n.since < now() - {}::interval", sought.older_than)
    if sought.order is not None:
        add("n.order_id = (SELECT id FROM orders WHERE number = {})", sought.order)
    if sought.assigned_to is not None:
        add("n.assigned_to = {}", sought.assigned_to)
    if sought.assigned is not None:
        add("(n.assigned_to IS NOT NULL) = {}", sought.assigned)
    where = " AND ".join(conditions)
    place = "true"
    if after is not None:
        arguments += [after.value, after.id]
        place = f"(rank, id) > (${len(arguments) - 1}, ${len(arguments)}::uuid)"
    rows = await database.fetch_planned(
        f"""{_NEEDS}, found AS ({_ROW} WHERE {where})
        SELECT * FROM (SELECT count(*) AS total FROM found) AS counted
        LEFT JOIN LATERAL (SELECT * FROM found WHERE {place} ORDER BY rank, id LIMIT $1) AS page ON true
        ORDER BY rank, id""",  # noqa: S608 - words of ours
        *arguments,
    )
    there = [row for row in rows if row["id"] is not None]
    return Page([_need(row) for row in there], [_rank(row) for row in there], rows[0]["total"])


async def waiting(fetch: Fetch) -> list[Need]:
    """All that is not resolved, the most urgent first, of these the oldest."""
    return [_need(row) for row in await fetch(f"{_NEEDS} {_ROW} WHERE NOT n.is_resolved ORDER BY rank, n.id")]


async def find(fetch: Fetch, need: UUID) -> tuple[Need, str] | None:
    """One of them, resolved or not, and what is known of it; None: it is settled, or there is no such thing."""
    rows = await fetch(f"{_NEEDS} {_ROW} WHERE n.id = $1", need)
    return (_need(rows[0]), rows[0]["seen"]) if rows else None


class OfAKind(msgspec.Struct, frozen=True):
    """How many of a kind wait, and the first of them."""

    count: int
    first: list[Need]


NONE = OfAKind(0, [])


async def first(database: Database, most: int) -> dict[AttentionKind, OfAKind]:
    """Of each kind of which there are some, how many wait, and the first of them; not those that are resolved."""
    rows = await database.fetch_planned(
        f"""{_NEEDS}, found AS ({_ROW} WHERE NOT n.is_resolved), placed AS (
            SELECT found.*, count(*) OVER (PARTITION BY kind) AS many,
                   row_number() OVER (PARTITION BY kind ORDER BY rank, id) AS place
            FROM found
        )
        SELECT * FROM placed WHERE place <= $1 ORDER BY kind, place""",  # noqa: S608 - words of ours
        most,
    )
    counts = {AttentionKind(row["kind"]): row["many"] for row in rows}
    needs = [_need(row) for row in rows]
    return {kind: OfAKind(many, [need for need in needs if need.kind is kind]) for kind, many in counts.items()}


async def counted(database: Database) -> dict[tuple[AttentionKind, Urgency], int]:
    """How many wait, by kind and urgency; not those that are resolved."""
    rows = await database.fetch_planned(
        f"{_NEEDS} SELECT kind, severity, count(*) AS many FROM needs WHERE NOT is_resolved GROUP BY 1, 2"  # noqa: S608
    )
    return {(AttentionKind(row["kind"]), _urgency(row)): row["many"] for row in rows}


def _rank(row: Any) -> Rank:
    return Rank(row["rank"], plain_uuid(row["id"]))


def _urgency(row: Any) -> Urgency:
    return Urgency[Severity(row["severity"]).name]


def _need(row: Any) -> Need:
    order = None
    if row["number"] is not None:
        order = Stands(
            OrderId(plain_uuid(row["order_id"])), OrderNumber(row["number"]), row["status"], row["payment_status"],
            row["fulfilment_status"], row["owner"], row["provider"], row["reference"], row["asks"],
        )  # fmt: skip
    return Need(
        plain_uuid(row["id"]), AttentionKind(row["kind"]), _urgency(row), row["since"], row["until"], row["name"],
        msgspec.json.decode(row["told"]), order, row["step"], row["times"],
        row["workflow_id"] or (order.workflow_id if order is not None else None),
        _actor(row["assigned_to"], row["assignee"]), row["assigned_at"],
        Resolution(_resolver(row), row["resolved_at"], row["reason"]) if row["resolved_at"] is not None else None,
        row["is_resolved"],
    )  # fmt: skip


def _resolver(row: Any) -> Actor:
    return Actor(UserId(plain_uuid(row["resolved_by"])), row["resolver"])


def _actor(user: UUID | None, email: str | None) -> Actor | None:
    return None if user is None else Actor(UserId(plain_uuid(user)), email)

"""What waits for the shop's own people, counted once a day; the first of each are named, without data of people.

It is the queue (`attention_queue`) by the headings of a letter, and what has lists of its own: reviews, low stock.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from models import attention
from models.attention import AttentionKind, Need
from models.database import Database
from models.money import Money
from models.tables import attention_queue as queue

NAMED = 10
"""Of each kind, how many a letter names; all are counted."""

_K = AttentionKind


def _why(need: Need) -> dict[str, Any]:
    number = {"number": need.order.number} if need.order is not None else {}
    return number | {"why": attention.why(need)}


def _said(*names: str) -> Callable[[Need], dict[str, Any]]:
    return lambda need: {name: need.facts[name] for name in names}


def _payout(need: Need) -> dict[str, Any]:
    facts = need.facts
    if "amount" not in facts:
        return {"vendor": None, "amount": None, "why": attention.why(need)}
    return {"vendor": facts["vendor"], "amount": Money(facts["amount"], facts["currency"]), "why": facts["error"]}


_ASKED = (_K.UNDO_FAILED, _K.STUCK, _K.REFUND_FAILED, _K.NOT_SHIPPED, _K.PROMISE_PASSED, _K.PAPERS_UNWRITTEN)
_HEADINGS: Mapping[str, tuple[tuple[AttentionKind, ...], Callable[[Need], dict[str, Any]]]] = {
    "attention": (_ASKED, _why),
    "held": ((_K.HELD,), lambda need: {"number": _number(need), "until": need.until}),
    "returns": ((_K.RETURN_WAITING,), lambda need: {"number": _number(need), **_said("n", "status")(need)}),
    "payouts": ((_K.PAYOUT_STUCK, _K.PAYOUT_FAILED), _payout),
    "cases": ((_K.CASE,), _said("kind", "object")),
    "disputes": ((_K.DISPUTE,), lambda need: {"number": _number(need), "answer_by": need.until}),
    "endpoints": ((_K.RECEIVER_PAUSED,), lambda need: {"host": need.facts["host"], "why": need.facts["error"]}),
    "templates": ((_K.TEMPLATE_FAILING,),
                  lambda need: {**_said("template", "language")(need), "why": need.facts["error"]}),
    "letters": ((_K.LETTER_UNSENT,), _said("template", "error")),
    "others": ((_K.APPROVAL_WAITING, _K.CARD_KEPT, _K.ERASURE_STUCK, _K.NOT_DIVIDED), _why),
}  # fmt: skip
"""By name: what of the queue stands under it, and what is said of each."""
_ORDINARY = {
    "reviews": ("reviews v JOIN products p ON p.id = v.product_id WHERE v.status = 'pending'",
                "v.created_at, v.id", "'slug', p.slug"),
    "low_stock": ("stock_levels l JOIN variants v ON v.id = l.variant_id JOIN locations o ON o.id = l.location_id "
                  "WHERE l.on_hand - l.held < l.reorder_point AND v.archived_at IS NULL AND o.archived_at IS NULL",
                  "v.sku, o.code", "'sku', v.sku, 'location', o.code, 'available', l.on_hand - l.held"),
}  # fmt: skip
"""By name: what waits, in which order it is named, and what is said of each."""
_GATHER = " UNION ALL ".join(
    f"""(SELECT '{name}' AS name, count(*) AS count, (
        SELECT coalesce(jsonb_agg(first.said), '[]') FROM (
            SELECT jsonb_build_object({said}) AS said FROM {of} ORDER BY {place} LIMIT {NAMED}
        ) first
    )::text AS first FROM {of})"""  # noqa: S608 - words of ours
    for name, (of, place, said) in _ORDINARY.items()
)


class Waiting(msgspec.Struct, frozen=True):
    """Things of one kind that wait for a person."""

    name: str
    count: int
    first: list[dict[str, Any]]
    """The oldest, or the most urgent, of them."""


async def gather(database: Database) -> list[Waiting]:
    """Every kind, also those of which there is none."""
    found = dict.fromkeys(AttentionKind, queue.NONE) | await queue.first(database, NAMED)
    told = []
    for name, (kinds, say) in _HEADINGS.items():
        firsts = sorted((need for kind in kinds for need in found[kind].first), key=attention.place)
        told.append(Waiting(name, sum(found[kind].count for kind in kinds), [say(need) for need in firsts[:NAMED]]))
    return told + [
        Waiting(row["name"], row["count"], msgspec.json.decode(row["first"]))
        for row in await database.fetch_planned(_GATHER)
    ]


def _number(need: Need) -> str | None:
    return need.order.number if need.order is not None else None

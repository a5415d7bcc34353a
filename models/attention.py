"""What waits for a person, of whatever kind: how urgent it is, and why, in words for people."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import msgspec

from models import explanation
from models.audit import Actor
from models.explanation import HELD, NOT_SHIPPED, VOID
from models.ids import OrderId, OrderNumber
from models.money import Money


class AttentionKind(StrEnum):
    """What a person is asked for."""

    UNDO_FAILED = "undo_failed"
    """Something could not be taken back: money that is the buyer's is still with the provider."""
    STUCK = "stuck"
    """A step of an order, a refund or a payment failed for longer than the shop has patience for."""
    REFUND_FAILED = "refund_failed"
    """Money did not reach its buyer, and has to go another way."""
    PAYOUT_STUCK = "payout_stuck"
    """Money that is a vendor's cannot be sent."""
    PAYOUT_FAILED = "payout_failed"
    """The provider refused what is a vendor's, and no later payout has brought it."""
    DISPUTE = "dispute"
    """A buyer's bank takes money back: it can be answered until a day."""
    CASE = "case"
    """A provider and the books differ."""
    NOT_SHIPPED = "not_shipped"
    """A paid order was not sent in time."""
    PROMISE_PASSED = "promise_passed"
    """Goods that were promised to come in did not."""
    HELD = "held"
    """An order waits for somebody to look at it, or it ends."""
    RETURN_WAITING = "return_waiting"
    """A buyer waits for the shop's word about goods that they send back."""
    PAPERS_UNWRITTEN = "papers_unwritten"
    """An order's invoice or credit note cannot be written, or not be printed."""
    LETTER_UNSENT = "letter_unsent"
    """A letter reached nobody, or has not left for an hour."""
    TEMPLATE_FAILING = "template_failing"
    """The shop's own words of a letter cannot be used."""
    RECEIVER_PAUSED = "receiver_paused"
    """Somebody outside is not told any more what happens to orders."""
    CARD_KEPT = "card_kept"
    """The provider still keeps a card that its owner gave up."""
    ERASURE_STUCK = "erasure_stuck"
    """Somebody who wants to be forgotten is still known to the provider."""
    APPROVAL_WAITING = "approval_waiting"
    """What one of staff asked for waits for a second person's yes."""
    NOT_DIVIDED = "not_divided"
    """What of an order is whose vendor's cannot be told."""


class Severity(IntEnum):
    """How urgent it is; past its deadline a thing is as urgent as the next above."""

    CRITICAL = 0
    HIGH = 1
    NORMAL = 2


class Urgency(StrEnum):
    """The same, by name."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"


_K, _S = AttentionKind, Severity

SEVERITIES: Mapping[AttentionKind, Severity] = {
    _K.UNDO_FAILED: _S.CRITICAL, _K.STUCK: _S.HIGH, _K.REFUND_FAILED: _S.HIGH, _K.PAYOUT_STUCK: _S.HIGH,
    _K.PAYOUT_FAILED: _S.HIGH, _K.DISPUTE: _S.HIGH, _K.CASE: _S.HIGH, _K.NOT_SHIPPED: _S.HIGH,
    _K.PROMISE_PASSED: _S.HIGH, _K.HELD: _S.HIGH, _K.RETURN_WAITING: _S.NORMAL, _K.PAPERS_UNWRITTEN: _S.HIGH,
    _K.LETTER_UNSENT: _S.NORMAL, _K.TEMPLATE_FAILING: _S.NORMAL, _K.RECEIVER_PAUSED: _S.HIGH, _K.CARD_KEPT: _S.NORMAL,
    _K.ERASURE_STUCK: _S.HIGH, _K.APPROVAL_WAITING: _S.HIGH, _K.NOT_DIVIDED: _S.HIGH,
}  # fmt: skip

FINAL = frozenset({_K.REFUND_FAILED, _K.PAYOUT_FAILED, _K.LETTER_UNSENT, _K.CARD_KEPT})
"""Nothing more happens to these by itself: who says that one is resolved has the last word, until there is news."""


class Asked(msgspec.Struct, frozen=True):
    """What a workflow's call for a person means."""

    kind: AttentionKind
    step: str | None
    """What could not be done; None: nothing was tried."""


def judge(topic: str, why: str) -> Asked:
    """What kind of call it is, by what it is about (`refund/1/attention`, `papers` …) and its words."""
    step, colon, _ = why.partition(": ")
    about = topic.partition("/")[0]
    if why == HELD:
        return Asked(_K.HELD, None)
    if why == NOT_SHIPPED:
        return Asked(_K.NOT_SHIPPED, None)
    if about in _ABOUT:
        return Asked(_ABOUT[about], step if about in _TRIED else None)
    if about == "refund" and topic.endswith("/money"):
        return Asked(_K.REFUND_FAILED, None)
    undone = about == "late_payment" or step == VOID
    return Asked(_K.UNDO_FAILED if undone else _K.STUCK, step if colon else None)


def kind_of(step: str) -> str:
    """A step by which others of its kind are found too: `send refund`, of `send refund 2 of 5.00 USD`."""
    return _NUMBERS.sub("", step)


_NUMBERS = re.compile(r" \d+(?= stands$)| \d.*")
_ABOUT = {
    "return": _K.RETURN_WAITING, "dispute": _K.DISPUTE, "papers": _K.PAPERS_UNWRITTEN, "payout": _K.PAYOUT_STUCK,
    "card": _K.CARD_KEPT, "erasure": _K.ERASURE_STUCK, "parts": _K.NOT_DIVIDED,
}  # fmt: skip
_TRIED = frozenset({"payout", "card", "erasure", "parts"})


class Resolution(msgspec.Struct, frozen=True):
    """Somebody said that a thing needs nobody any more."""

    by: Actor
    at: datetime
    reason: str


class Stands(msgspec.Struct, frozen=True):
    """Where the order of a thing stands."""

    id: OrderId
    number: OrderNumber
    status: str
    payment_status: str
    fulfilment_status: str
    workflow_id: str
    provider: str
    payment_reference: str | None
    asks: bool
    """Whether it asks for a person itself."""


class Need(msgspec.Struct, frozen=True):
    """One thing that waits for a person."""

    id: UUID
    """The same for as long as it is the same thing, also when it comes back."""
    kind: AttentionKind
    urgency: Urgency
    since: datetime
    until: datetime | None
    """When something else happens by itself, or it is too late; None: there is no deadline."""
    name: str
    """What of the thing there is one of."""
    facts: Mapping[str, Any]
    order: Stands | None
    step: str | None
    """What could not be done; None: nothing was tried."""
    times: int
    """How often it was asked for, or was tried."""
    workflow_id: str | None
    """Who waits, as the Temporal UI knows it; None: nobody does."""
    assigned_to: Actor | None
    assigned_at: datetime | None
    resolved: Resolution | None
    """The last time that somebody said so; it is in the queue again all the same, unless `is_resolved`."""
    is_resolved: bool


def place(need: Need) -> tuple[Severity, datetime, UUID]:
    """Where it stands in the queue: the most urgent first, of these the oldest."""
    return Severity[need.urgency.name], need.since, need.id


def ends_by_word(need: Need) -> bool:
    """Whether nothing waits that would see to it: who says that it is resolved has ended it."""
    kinds = (_K.REFUND_FAILED, _K.DISPUTE, _K.PAPERS_UNWRITTEN)
    return need.kind in kinds and "topic" in need.facts


def why(need: Need) -> str:
    """Why a person has to look, as a sentence."""
    facts = need.facts
    match need.kind:
        case _K.HELD:
            return f"Held: {facts['score']} points, from {facts['limit']} on a person looks. Undecided, it ends"
        case _K.RETURN_WAITING:
            what = "asked for" if facts["status"] == "requested" else "here, and not looked into"
            return f"Return {facts['n']} is {what}"
        case _K.PROMISE_PASSED:
            return f"Promised to come in, and did not: {', '.join(facts['skus'])}"
        case _K.CASE:
            whose = facts["provider"].capitalize() or "A row of ours"
            return f"{whose} and the books differ ({facts['kind']}): {facts['object']}"
        case _K.DISPUTE if "reference" in facts:
            amount = Money(facts["amount"], facts["currency"])
            reason = facts["reason"].replace("_", " ")
            return f"The buyer's bank wants {amount} back ({reason}): answer it at the provider"
        case _K.PAYOUT_FAILED:
            amount = Money(facts["amount"], facts["currency"])
            return f"{amount} did not reach {facts['vendor']}: {facts['error']}"
        case _K.LETTER_UNSENT:
            return f"The letter `{facts['template']}` reached nobody: {facts['error']}"
        case _K.TEMPLATE_FAILING:
            letter = f"`{facts['template']}` in {facts['language']}"
            return f"The shop's own words of {letter} cannot be used: {facts['error']}"
        case _K.RECEIVER_PAUSED:
            return f"{facts['host']} is told nothing any more: {facts['error'] or 'paused by staff'}"
        case _K.PAPERS_UNWRITTEN if "label" in facts:
            return f"{facts['label']} cannot be printed"
        case _K.APPROVAL_WAITING:
            amount = Money(facts["amount"], facts["currency"])
            asked = facts["action"].replace("_", " ")
            return f"A second person has to say yes: {asked} of {amount}, {facts['subject']}"
        case _K.NOT_SHIPPED:
            return "Paid, and not shipped in time"
        case _:
            return explanation.problem(facts["why"])

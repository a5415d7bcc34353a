"""The one queue of what waits for a person: why, what can be done, who has taken it, and that it is resolved."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api.admin.attention_steps import NeedLinks, NextStep, links, next_steps
from api.admin.changes import Reason, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models import attention, clock, cursor
from models.attention import AttentionKind, Need, Resolution, Urgency
from models.audit import Actor
from models.database import Writer, fetching
from models.errors import Refusal
from models.ids import OrderNumber, UserId
from models.roles import Scope, may
from models.tables import attention as attentions
from models.tables import attention_queue as queue
from models.tables import case as cases
from models.tables import order as orders
from models.tables import user as users
from models.tables.attention_queue import Sought

OF = "attention"
"""Names the list that its cursors are good in."""


class Whose(StrEnum):
    """Who has taken a thing."""

    ME = "me"
    SOMEBODY = "somebody"
    NOBODY = "nobody"


OfKind = Annotated[AttentionKind | None, QueryParameter(name="kind", description="Only what is of this kind")]
OfSeverity = Annotated[Urgency | None, QueryParameter(name="severity", description="Only what is so urgent")]
OlderThan = Annotated[
    int | None,
    QueryParameter(name="older_than", ge=0, le=10_000_000, description="Only what waits for so many minutes"),
]
OfOrder = Annotated[
    str | None,
    QueryParameter(
        name="order", min_length=1, max_length=40, pattern=r"^[A-Za-z0-9-]+$", description="An order's number"
    ),
]  # fmt: skip
Taken = Annotated[Whose | None, QueryParameter(name="assigned", description="Only what that one has taken")]
Resolved = Annotated[
    bool, QueryParameter(name="resolved", description="True: what is away because somebody says that it is resolved")
]


class AttentionItem(msgspec.Struct, frozen=True):
    """One thing that waits for a person."""

    id: UUID
    """The same for as long as it is the same thing, also when it comes back."""
    kind: AttentionKind
    severity: Urgency
    since: datetime
    until: datetime | None
    """When something else happens by itself, or it is too late; null: there is no deadline."""
    why: str
    """In plain words."""
    step: str | None
    """What could not be done; null: nothing was tried."""
    times: int
    """How often it was asked for, or was tried."""
    order_number: OrderNumber | None
    workflow_id: str | None
    """Who waits, as the Temporal UI knows it; null: nobody does."""
    next: list[NextStep]
    """What can be done now, the likeliest first. Whatever it is, `resolve` can be said."""
    links: NeedLinks
    assigned_to: Actor | None
    """Who of staff has taken it."""
    assigned_at: datetime | None
    resolved: Resolution | None
    """Who last said that it is resolved. In the queue it is back: it went on, or is still so after a day."""
    is_resolved: bool
    """Whether it is away because somebody says so."""


class AttentionList(msgspec.Struct, frozen=True):
    """One page of what waits for a person: the most urgent first, of these the oldest."""

    items: list[AttentionItem]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int
    """How many there are on all pages."""


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to see to it."""

    assignee: UUID | msgspec.UnsetType | None = msgspec.UNSET
    """The account's id of one of staff; null: nobody has it any more; absent: you take it."""
    reason: Reason | None = None


class ResolveWhy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why nobody is needed any more."""

    reason: Reason


@get(
    "/admin/attention", operation_id="listAttention", access=Scope.ATTENTION_READ, tags=["Staff"],
    summary="What waits for a person", responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_attention(
    house: House,
    caller: Caller,
    kind: OfKind = None,
    severity: OfSeverity = None,
    older_than: OlderThan = None,
    order: OfOrder = None,
    assigned: Taken = None,
    resolved: Resolved = False,
    limit: PageSize = 20,
    place: Place = None,
) -> AttentionList:
    """The most urgent first, of these the oldest. Filters add up. What is settled is not in it.

    Read from what is true now: a thing leaves it when it is mended, whoever mended it.
    """
    sought = Sought(
        kind, severity, timedelta(minutes=older_than) if older_than is not None else None,
        OrderNumber(order.upper()) if order is not None else None, caller.account if assigned is Whose.ME else None,
        None if assigned in (None, Whose.ME) else assigned is Whose.SOMEBODY, resolved,
    )  # fmt: skip
    key = house.settings.secret_key
    after = cursor.read_rank(key, place, OF, int) if place else None
    page = await queue.listed(house.database, limit + 1, sought, after)
    more = cursor.write_rank(key, page.ranks[limit - 1], OF) if len(page.items) > limit else None
    return AttentionList([item(house, caller, each) for each in page.items[:limit]], more, page.total)


@get(
    "/admin/attention/{need_id:uuid}", operation_id="readAttention", access=Scope.ATTENTION_READ, tags=["Staff"],
    summary="One thing that waits for a person", responses=staff_refuses("attention_not_found"),
)  # fmt: skip
async def read_attention(house: House, caller: Caller, need_id: FromPath[UUID]) -> AttentionItem:
    """Also one that somebody says is resolved; not one that is settled."""
    found = await queue.find(house.database.fetch_planned, need_id)
    if found is None:
        raise _unknown()
    return item(house, caller, found[0])


@post(
    "/admin/attention/{need_id:uuid}/assign", operation_id="assignAttention", access=Scope.ATTENTION_WRITE,
    tags=["Staff"], summary="Take something that waits for a person, or give it to somebody", status_code=200,
    responses=staff_refuses("attention_not_found", "attention_taken", "assignee_unfit", "idempotency_key_reused",
                            "invalid", "unsupported_media_type"),
)  # fmt: skip
async def assign_attention(
    request: StrictRequest, house: House, caller: Caller, need_id: FromPath[UUID], data: JSONBody[Assignment],
    idempotency: IdempotencyKey = None,
) -> AttentionItem:  # fmt: skip
    """So that nobody else begins with it, too. What somebody else has taken is not taken, only given."""
    takes = isinstance(data.assignee, msgspec.UnsetType)
    to = caller.account if isinstance(data.assignee, msgspec.UnsetType) else data.assignee

    async def assign(writer: Writer) -> AttentionItem:
        was, _ = await _find(writer, need_id)
        if to is not None and not takes and not await _may_see_to_it(writer, UserId(to)):
            raise Refusal("assignee_unfit", "This is nobody of staff who sees to such things.")
        if not await attentions.assign(writer, need_id, was.name, UserId(to) if to is not None else None, takes):
            raise Refusal("attention_taken", "Somebody else has taken it.", assigned_to=was.assigned_to)
        now, _ = await _find(writer, need_id)
        if now.assigned_to != was.assigned_to:
            await write_down(
                writer, caller, "attention.assign", _subject(was), before=_assigned(was), after=_assigned(now),
                reason=data.reason,
            )  # fmt: skip
        return item(house, caller, now)

    scope = scope_of(request, caller, f"POST /admin/attention/{need_id}/assign")
    return await once(house, scope, idempotency_key(idempotency), data, AttentionItem, assign)


@post(
    "/admin/attention/{need_id:uuid}/resolve", operation_id="resolveAttention", access=Scope.ATTENTION_WRITE,
    tags=["Staff"], summary="Say that something needs nobody any more", status_code=200,
    responses=staff_refuses("attention_not_found", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def resolve_attention(
    request: StrictRequest, house: House, caller: Caller, need_id: FromPath[UUID], data: JSONBody[ResolveWhy],
    idempotency: IdempotencyKey = None,
) -> AttentionItem:  # fmt: skip
    """It leaves the queue. What is still broken comes back: with the next thing that happens to it, or after a day.

    A case is closed by it (`cases:write`).
    """

    async def resolve(writer: Writer) -> AttentionItem:
        was, seen = await _find(writer, need_id)
        await _settle(writer, caller, was, data.reason)
        await attentions.resolve(writer, need_id, was.name, caller.account, data.reason, seen)
        await write_down(
            writer, caller, "attention.resolve", _subject(was), after={"kind": was.kind, "name": was.name},
            reason=data.reason,
        )  # fmt: skip
        now = await queue.find(fetching(writer), need_id)
        return item(house, caller, now[0] if now is not None else _gone(was, caller, data.reason))

    scope = scope_of(request, caller, f"POST /admin/attention/{need_id}/resolve")
    return await once(house, scope, idempotency_key(idempotency), data, AttentionItem, resolve)


async def _settle(writer: Writer, caller: Identity, need: Need, reason: str) -> None:
    """What a person's word alone ends, where nothing waits that would see to it."""
    if need.kind is AttentionKind.CASE:
        if not may(caller.roles, Scope.CASES_WRITE):
            raise Refusal("forbidden", "To close a case needs the scope cases:write.", scope=Scope.CASES_WRITE)
        await cases.close(writer, need.facts["id"], caller.account, reason)
        after = {"kind": need.facts["kind"], "object": need.facts["object"]}
        await write_down(writer, caller, "case.close", need.facts["id"], after=after, reason=reason)
    elif need.order is not None and attention.ends_by_word(need):
        await attentions.settle(writer, need.order.id, need.facts["topic"].replace("_", r"\_"))
        moment = f"{clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        await orders.tell(
            writer, need.order.id, f"resolved/{need.id}/{moment}", "attention_settled", f"staff/{caller.account}",
            reason=None,
        )  # fmt: skip


async def _find(writer: Writer, need: UUID) -> tuple[Need, str]:
    found = await queue.find(fetching(writer), need)
    if found is None:
        raise _unknown()
    return found


async def _may_see_to_it(writer: Writer, user: UserId) -> bool:
    roles = await users.roles_of(writer, user)
    return may(roles, Scope.ATTENTION_WRITE)


def item(house: House, caller: Identity, need: Need) -> AttentionItem:
    """A thing as staff see it."""
    return AttentionItem(
        need.id, need.kind, need.urgency, need.since, need.until, attention.why(need), need.step, need.times,
        need.order.number if need.order is not None else None, need.workflow_id, next_steps(need, caller),
        links(house, need), need.assigned_to, need.assigned_at, need.resolved, need.is_resolved,
    )  # fmt: skip


def _gone(was: Need, caller: Identity, reason: str) -> Need:
    said = Resolution(Actor(caller.account, caller.email), datetime.now(UTC), reason)
    return msgspec.structs.replace(was, assigned_to=None, assigned_at=None, resolved=said, is_resolved=True)


def _subject(need: Need) -> str:
    return need.order.number if need.order is not None else need.name


def _assigned(need: Need) -> dict[str, object]:
    return {"kind": need.kind, "assigned_to": need.assigned_to.id if need.assigned_to is not None else None}


def _unknown() -> Refusal:
    return Refusal("attention_not_found", "Nothing of the kind waits for a person: it may be settled by now.")


handlers = [list_attention, read_attention, assign_attention, resolve_attention]

"""What receivers outside were told, and what became of it; telling them again, pausing and resuming."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api import pages
from api.admin.changes import Reason, write_down
from api.admin.readings import LIST, write_down_reading
from api.admin.refusals import staff_refuses
from api.admin.webhook_endpoints import locked, unknown
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models import clock
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.outgoing import KEPT, TOLD, DeliveryStatus, EndpointStatus
from models.roles import Scope
from models.tables import webhook_delivery as deliveries
from models.tables import webhook_endpoint as endpoints
from models.tables.webhook_delivery import DeliveryRecord, DeliveryWhole
from models.tables.webhook_endpoint import EndpointRecord

InStatus = Annotated[DeliveryStatus | None, QueryParameter(name="status", description="Only those that stand so")]
OfOrder = Annotated[
    str | None,
    QueryParameter(
        name="order", min_length=1, max_length=40, pattern=r"^[\x21-\x7e]+$", description="Number of an order"
    ),
]
OfTopic = Annotated[str | None, QueryParameter(name="topic", min_length=1, max_length=40, pattern=r"^[\x21-\x7e]+$")]


class DeliveryList(msgspec.Struct, frozen=True):
    """One page of what a receiver was told, newest first."""

    items: list[DeliveryRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class SaidWhy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For the audit log."""

    reason: Reason | None = None


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be told again: one of the three."""

    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    """All that happened from then on, at most 30 days ago; also what the receiver was never told."""
    event: UUID | None = None
    """This one: the message's `id`."""
    status: DeliveryStatus | None = None
    """`dead`: all that were not taken for three days."""
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.since, self.event, self.status)) != 1:
            raise ValueError("say one of: since, event, status")
        if self.status not in (None, DeliveryStatus.DEAD):
            raise ValueError("only what is dead is told again by status")


class Queued(msgspec.Struct, frozen=True):
    """How long a receiver's queue is now."""

    waiting: int


class TestSent(msgspec.Struct, frozen=True):
    """A test is in the queue."""

    __test__ = False

    event: UUID
    """Look it up among the deliveries."""


@get(
    "/admin/webhook-endpoints/{endpoint_id:uuid}/deliveries", operation_id="listWebhookDeliveries",
    access=Scope.WEBHOOKS_READ, tags=["Staff"], summary="What a receiver was told",
    responses=staff_refuses("webhook_endpoint_not_found", "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_deliveries(
    house: House, caller: Caller, endpoint_id: FromPath[UUID], status: InStatus = None, order: OfOrder = None,
    topic: OfTopic = None, limit: PageSize = 20, place: Place = None,
) -> DeliveryList:  # fmt: skip
    """Newest first; kept for 30 days after it was settled."""
    if await endpoints.read(house.database, endpoint_id) is None:
        raise unknown()
    begin = pages.begin(house, place)
    found = await deliveries.listed(house.database, endpoint_id, limit + 1, status, order, topic, begin)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    # How its answer begins is the receiver's word, and may repeat the message, which names the buyer.
    await write_down_reading(house, caller, "webhook_delivery.read", [LIST])
    return DeliveryList(items, more)


@get(
    "/admin/webhook-endpoints/{endpoint_id:uuid}/deliveries/{delivery_id:uuid}", operation_id="readWebhookDelivery",
    access=Scope.WEBHOOKS_READ, tags=["Staff"], summary="One thing that a receiver was told",
    responses=staff_refuses("webhook_delivery_not_found"),
)  # fmt: skip
async def read_delivery(
    house: House, caller: Caller, endpoint_id: FromPath[UUID], delivery_id: FromPath[UUID]
) -> DeliveryWhole:
    """With the message itself."""
    found = await deliveries.find(house.database, endpoint_id, delivery_id)
    if found is None:
        raise _unknown()
    if found.order is not None:  # a test names nobody
        await write_down_reading(house, caller, "webhook_delivery.read", [found.order])
    return found


@post(
    "/admin/webhook-endpoints/{endpoint_id:uuid}/test", operation_id="testWebhookEndpoint",
    access=Scope.WEBHOOKS_WRITE, tags=["Staff"], summary="Send a receiver a test",
    responses=staff_refuses("webhook_endpoint_not_found", "archived", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def test_endpoint(
    request: StrictRequest, house: House, caller: Caller, endpoint_id: FromPath[UUID], data: JSONBody[SaidWhy],
    idempotency: IdempotencyKey = None,
) -> TestSent:  # fmt: skip
    """A message of the topic `test`, about no order, signed like any other."""

    async def write(writer: Writer) -> TestSent:
        await locked(writer, endpoint_id)
        event = await deliveries.write_test(writer, endpoint_id, clock.now())
        await write_down(writer, caller, "webhook_endpoint.test", endpoint_id, after={"event": event},
                         reason=data.reason)  # fmt: skip
        return TestSent(event)

    scope = scope_of(request, caller, f"POST /admin/webhook-endpoints/{endpoint_id}/test")
    return await once(house, scope, idempotency_key(idempotency), data, TestSent, write)


@post(
    "/admin/webhook-endpoints/{endpoint_id:uuid}/replay", operation_id="replayWebhooks", access=Scope.WEBHOOKS_WRITE,
    tags=["Staff"], summary="Tell a receiver again", status_code=200,
    responses=staff_refuses("webhook_endpoint_not_found", "webhook_delivery_not_found", "archived",
                            "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def replay(
    request: StrictRequest, house: House, caller: Caller, endpoint_id: FromPath[UUID], data: JSONBody[Replay],
    idempotency: IdempotencyKey = None,
) -> Queued:  # fmt: skip
    """Under the same ids as before, and of each order in order; what waits already is not told twice."""

    async def put_back(writer: Writer) -> Queued:
        await locked(writer, endpoint_id)
        now = clock.now()
        if data.since is not None:
            since = min(max(data.since, now - KEPT), now)
            await deliveries.replay_since(writer, endpoint_id, since, TOLD, now)
        elif data.event is None:
            await deliveries.replay_dead(writer, endpoint_id, now)
        elif not await deliveries.replay(writer, endpoint_id, data.event, now):
            raise _unknown()
        asked = {"since": data.since, "event": data.event, "status": data.status}
        after = {name: value for name, value in asked.items() if value is not None}
        await write_down(writer, caller, "webhook_endpoint.replay", endpoint_id, after=after, reason=data.reason)
        return Queued(await deliveries.waiting(writer, endpoint_id))

    scope = scope_of(request, caller, f"POST /admin/webhook-endpoints/{endpoint_id}/replay")
    return await once(house, scope, idempotency_key(idempotency), data, Queued, put_back)


@post(
    "/admin/webhook-endpoints/{endpoint_id:uuid}/pause", operation_id="pauseWebhookEndpoint",
    access=Scope.WEBHOOKS_WRITE, tags=["Staff"], summary="Tell a receiver nothing for now", status_code=200,
    responses=staff_refuses("webhook_endpoint_not_found", "archived", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def pause_endpoint(
    request: StrictRequest, house: House, caller: Caller, endpoint_id: FromPath[UUID], data: JSONBody[SaidWhy],
    idempotency: IdempotencyKey = None,
) -> EndpointRecord:  # fmt: skip
    """What happens meanwhile is kept for it. One that is paused stays so."""

    async def pause(writer: Writer) -> EndpointRecord:
        was = await locked(writer, endpoint_id)
        if await endpoints.pause(writer, endpoint_id, data.reason or "by staff"):
            await _write_down_move(writer, caller, "pause", was, EndpointStatus.PAUSED, data.reason)
        return await locked(writer, endpoint_id)

    scope = scope_of(request, caller, f"POST /admin/webhook-endpoints/{endpoint_id}/pause")
    return await once(house, scope, idempotency_key(idempotency), data, EndpointRecord, pause)


@post(
    "/admin/webhook-endpoints/{endpoint_id:uuid}/resume", operation_id="resumeWebhookEndpoint",
    access=Scope.WEBHOOKS_WRITE, tags=["Staff"], summary="Tell a receiver again from now on", status_code=200,
    responses=staff_refuses("webhook_endpoint_not_found", "archived", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def resume_endpoint(
    request: StrictRequest, house: House, caller: Caller, endpoint_id: FromPath[UUID], data: JSONBody[SaidWhy],
    idempotency: IdempotencyKey = None,
) -> EndpointRecord:  # fmt: skip
    """All that waits is sent, at once, and tried for three days from now. One that is told already stays so."""

    async def resume(writer: Writer) -> EndpointRecord:
        was = await locked(writer, endpoint_id)
        if was.status is EndpointStatus.PAUSED:
            await endpoints.resume(writer, endpoint_id)
            await deliveries.give_time(writer, endpoint_id, clock.now())
            await _write_down_move(writer, caller, "resume", was, EndpointStatus.ACTIVE, data.reason)
        return await locked(writer, endpoint_id)

    scope = scope_of(request, caller, f"POST /admin/webhook-endpoints/{endpoint_id}/resume")
    return await once(house, scope, idempotency_key(idempotency), data, EndpointRecord, resume)


async def _write_down_move(
    writer: Writer, caller: Caller, action: str, was: EndpointRecord, to: EndpointStatus, reason: str | None
) -> None:
    before, after = {"status": was.status, "paused_reason": was.paused_reason}, {"status": to}
    await write_down(writer, caller, f"webhook_endpoint.{action}", was.id, before=before, after=after, reason=reason)


def _unknown() -> Refusal:
    return Refusal("webhook_delivery_not_found", "It was told nothing of the kind, or it is forgotten.")


handlers = [
    list_deliveries, read_delivery, test_endpoint, replay, pause_endpoint, resume_endpoint,
]  # fmt: skip

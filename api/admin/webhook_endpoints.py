"""Receivers outside that are told what happens to orders: where they are, what of it, and with which secret."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api import pages
from api.admin.changes import Reason, WhyAsked, differences, said, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models import clock
from models.address import Text
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.outgoing import EVERYTHING, OVERLAP, EndpointStatus, Topic, must_be_sendable, secret
from models.roles import Scope
from models.tables import webhook_delivery as deliveries
from models.tables import webhook_endpoint as endpoints
from models.tables.webhook_endpoint import EndpointRecord

Url = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=1000, pattern=r"^https?://[^\s\x00-\x1f\x7f]+$(?!\n)",
        description="Where messages are sent to by POST; `https` outside development",
        examples=["https://erp.example.com/hooks/orders"],
    ),
]  # fmt: skip
Topics = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=40)]],
    msgspec.Meta(
        min_length=1, max_length=40, description="Names of topics, or `*` for everything",
        examples=[["order.confirmed", "order.shipped"]],
    ),
]  # fmt: skip
InStatus = Annotated[
    EndpointStatus | None, QueryParameter(name="status", description="Not given: all that are not archived")
]


class NewEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receiver."""

    url: Url
    topics: Topics
    description: Text | None = None
    """For staff: what stands behind it."""
    reason: Reason | None = None

    def __post_init__(self) -> None:
        must_be_known(self.topics)


class EndpointChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it is from now on; what is in its queue already goes to its new address, too."""

    url: Url | msgspec.UnsetType = msgspec.UNSET
    topics: Topics | msgspec.UnsetType = msgspec.UNSET
    description: Text | msgspec.UnsetType | None = msgspec.UNSET
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.topics is not msgspec.UNSET:
            must_be_known(self.topics)


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another secret."""

    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=168)] = OVERLAP // timedelta(hours=1)
    """How long each message is signed with the secret before, too. 0: somebody has it who must not."""
    reason: Reason | None = None


class WithSecret(EndpointRecord, frozen=True, kw_only=True):
    """A receiver with its secret, which is shown this once."""

    secret: str
    """Signs its messages; `docs/webhooks.md` says how."""


class EndpointList(msgspec.Struct, frozen=True):
    """One page of receivers, newest first."""

    items: list[EndpointRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


def must_be_known(topics: list[str]) -> None:
    """Raises: ValueError for a topic that there is not, or that is there twice."""
    known = {EVERYTHING, *Topic}
    unknown = [each for each in topics if each not in known]
    if unknown:
        raise ValueError(f"there is no topic {unknown[0]!r}: see docs/webhooks.md")
    if len(set(topics)) < len(topics) or (EVERYTHING in topics and len(topics) > 1):
        raise ValueError("each topic once, and `*` alone")


@get(
    "/admin/webhook-endpoints", operation_id="listWebhookEndpoints", access=Scope.WEBHOOKS_READ, tags=["Staff"],
    summary="Receivers of webhooks", responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_endpoints(
    house: House, status: InStatus = None, limit: PageSize = 20, place: Place = None
) -> EndpointList:
    """Newest first, with how each fares."""
    found = await endpoints.listed(house.database, limit + 1, status, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return EndpointList(items, more)


@post(
    "/admin/webhook-endpoints", operation_id="createWebhookEndpoint", access=Scope.WEBHOOKS_WRITE, tags=["Staff"],
    summary="New receiver of webhooks",
    responses=staff_refuses("webhook_url_unacceptable", "webhook_endpoints_full", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def create_endpoint(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewEndpoint],
    idempotency: IdempotencyKey = None,
) -> WithSecret:  # fmt: skip
    """It is told what happens from now on. Its secret is in this answer, and in no other."""
    must_be_sendable(data.url, house.settings.outgoing_private)

    async def create(writer: Writer) -> EndpointRecord:
        if await endpoints.count(writer) >= endpoints.MOST:
            raise Refusal("webhook_endpoints_full", f"There are {endpoints.MOST} already.", most=endpoints.MOST)
        made = await _found(writer, await endpoints.create(writer, data.url, data.description, data.topics))
        after = {"url": made.url, "description": made.description, "topics": made.topics}
        await write_down(writer, caller, "webhook_endpoint.create", made.id, after=after, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/webhook-endpoints")
    made = await once(house, scope, idempotency_key(idempotency), data, EndpointRecord, create)
    return _with_secret(house, made, 1)  # after it was kept for a repeat: a secret is written down nowhere


@get(
    "/admin/webhook-endpoints/{endpoint_id:uuid}", operation_id="readWebhookEndpoint", access=Scope.WEBHOOKS_READ,
    tags=["Staff"], summary="A receiver of webhooks", responses=staff_refuses("webhook_endpoint_not_found"),
)  # fmt: skip
async def read_endpoint(house: House, endpoint_id: FromPath[UUID]) -> EndpointRecord:
    """Also when it is archived."""
    async with house.database.reading() as reader:
        found = await endpoints.find(reader, endpoint_id)
    if found is None:
        raise unknown()
    return found


@patch(
    "/admin/webhook-endpoints/{endpoint_id:uuid}", operation_id="changeWebhookEndpoint", access=Scope.WEBHOOKS_WRITE,
    tags=["Staff"], summary="Change a receiver of webhooks",
    responses=staff_refuses("webhook_endpoint_not_found", "webhook_url_unacceptable", "archived", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def change_endpoint(
    house: House, caller: Caller, endpoint_id: FromPath[UUID], data: JSONBody[EndpointChange]
) -> EndpointRecord:
    """Its secret stays."""
    if data.url is not msgspec.UNSET:
        must_be_sendable(data.url, house.settings.outgoing_private)
    async with house.database.writing() as writer:
        was = await locked(writer, endpoint_id)
        changed = differences(was, now := msgspec.structs.replace(was, **said(data)))
        if changed is not None:
            before, after = changed
            await endpoints.change(writer, now)
            await write_down(writer, caller, "webhook_endpoint.change", endpoint_id, before=before, after=after,
                             reason=data.reason)  # fmt: skip
        return await _found(writer, endpoint_id)


@delete(
    "/admin/webhook-endpoints/{endpoint_id:uuid}", operation_id="archiveWebhookEndpoint", access=Scope.WEBHOOKS_WRITE,
    tags=["Staff"], summary="Archive a receiver of webhooks",
    responses=staff_refuses("webhook_endpoint_not_found", "invalid"),
)  # fmt: skip
async def archive_endpoint(
    house: House, caller: Caller, endpoint_id: FromPath[UUID], reason: WhyAsked = None
) -> Response[None]:
    """It is told nothing more, also not what waits in its queue. Doing so again changes nothing."""
    async with house.database.writing() as writer:
        was = await _found(writer, endpoint_id, lock=True)
        if was.status is not EndpointStatus.ARCHIVED:
            await endpoints.archive(writer, endpoint_id)
            await deliveries.withdraw(writer, endpoint_id)
            before, after = {"status": was.status}, {"status": EndpointStatus.ARCHIVED}
            await write_down(writer, caller, "webhook_endpoint.archive", endpoint_id, before=before, after=after,
                             reason=reason)  # fmt: skip
    return Response(None, status_code=204)


@post(
    "/admin/webhook-endpoints/{endpoint_id:uuid}/rotate", operation_id="rotateWebhookSecret",
    access=Scope.WEBHOOKS_WRITE, tags=["Staff"], summary="Another secret for a receiver", status_code=200,
    responses=staff_refuses("webhook_endpoint_not_found", "archived", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def rotate_secret(
    request: StrictRequest, house: House, caller: Caller, endpoint_id: FromPath[UUID], data: JSONBody[Rotation],
    idempotency: IdempotencyKey = None,
) -> WithSecret:  # fmt: skip
    """It is in this answer, and in no other. For a day messages are signed with both, unless said otherwise."""

    async def rotate(writer: Writer) -> _Rotated:
        await locked(writer, endpoint_id)
        until = clock.now() + timedelta(hours=data.overlap_hours)
        number = await endpoints.rotate(writer, endpoint_id, until)
        await write_down(writer, caller, "webhook_endpoint.rotate", endpoint_id, before={"secret": number - 1},
                         after={"secret": number, "previous_until": until}, reason=data.reason)  # fmt: skip
        return _Rotated(await _found(writer, endpoint_id), number)

    scope = scope_of(request, caller, f"POST /admin/webhook-endpoints/{endpoint_id}/rotate")
    done = await once(house, scope, idempotency_key(idempotency), data, _Rotated, rotate)
    return _with_secret(house, done.endpoint, done.number)


class _Rotated(msgspec.Struct, frozen=True):
    endpoint: EndpointRecord
    number: int


def _with_secret(house: House, record: EndpointRecord, number: int) -> WithSecret:
    made = secret(house.settings.secret_key, record.id, number)
    return WithSecret(**msgspec.structs.asdict(record), secret=made)


async def _found(writer: Writer, endpoint: UUID, *, lock: bool = False) -> EndpointRecord:
    found = await endpoints.find(writer, endpoint, lock=lock)
    if found is None:
        raise unknown()
    return found


async def locked(writer: Writer, endpoint: UUID) -> EndpointRecord:
    """One that is not archived, to be changed by nobody else. Raises: Refusal."""
    found = await _found(writer, endpoint, lock=True)
    if found.status is EndpointStatus.ARCHIVED:
        raise Refusal("archived", "This receiver is archived: make a new one.")
    return found


def unknown() -> Refusal:
    """What is answered for one that there is not."""
    return Refusal("webhook_endpoint_not_found", "There is no such receiver of webhooks.")


handlers = [
    list_endpoints, create_endpoint, read_endpoint, change_endpoint, archive_endpoint, rotate_secret,
]  # fmt: skip

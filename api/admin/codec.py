"""The Temporal UI and its command line ask here what sealed payloads say; each reading is written down."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.params import JSONBody
from temporalio.api.common.v1 import Payload

from api.admin.readings import write_down_reading
from api.admin.refusals import staff_refuses
from api.context import Caller, House, Identity
from api.desk.admission import reading_in_the_ui
from models.masking import HIDDEN, Sight, masked
from models.roles import Scope, may
from models.sealing import Sealer, Unreadable

LARGEST = 8 * 1024 * 1024
"""Bytes of a body: a page of a history at once."""
MOST = 2000
"""Payloads in it."""
PLAIN = b"json/plain"
UNKNOWN = "payload"
"""The subject of one that does not say which workflow it is of: nobody had sealed it, or a schedule keeps it."""


Base64 = Annotated[
    str, msgspec.Meta(pattern=r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")
]  # fmt: skip


class SealedPayload(msgspec.Struct):
    """A payload as Temporal's clients write it: bytes in base64. Other fields of theirs are passed over."""

    metadata: dict[str, Base64] | None = None
    data: Base64 | None = None


class SealedPayloads(msgspec.Struct):
    """What the UI's remote codec sends, and gets back: as many, in the same order."""

    payloads: Annotated[list[SealedPayload], msgspec.Meta(max_length=MOST)] = []
    """Absent where there are none: so the command line asks for a query that is told nothing."""


@post(
    "/admin/codec/decode", operation_id="decodePayloads", access=Scope.PAYLOADS_READ, tags=["Staff"],
    summary="What sealed payloads say, for the Temporal UI", status_code=200, request_max_body_size=LARGEST,
    else_by=reading_in_the_ui,
    responses=staff_refuses("invalid", "malformed"),
)  # fmt: skip
async def decode(house: House, caller: Caller, data: JSONBody[SealedPayloads]) -> SealedPayloads:
    """Whole for who may read people (`users:read`) and payments' references (`payments:read`).

    Else `•••` stands for what one may not read. What is not sealed comes back masked alike. Of which workflows they
    are, who reads them and from where is written to the audit log, once an hour. One that cannot be opened says why.
    """
    sealer, sight = Sealer(house.settings.payload_keys), sight_of(caller)
    shown, subjects = [], set[str]()
    for each in data.payloads:
        try:
            opened = sealer.open(_payload(each))
        except Unreadable as error:
            shown.append(_said(f"{HIDDEN} {error}"))
            continue
        subjects.add(opened.subject or UNKNOWN)
        shown.append(_shown(opened.payload, sight))
    await write_down_reading(house, caller, "payload.read", subjects, str(sight))
    return SealedPayloads(shown)


@post(
    "/admin/codec/encode", operation_id="encodePayloads", access=Scope.PAYLOADS_WRITE, tags=["Staff"],
    summary="Seal payloads, for the Temporal UI", status_code=200, request_max_body_size=LARGEST,
    else_by=reading_in_the_ui,
    responses=staff_refuses("invalid", "malformed"),
)  # fmt: skip
async def encode(house: House, data: JSONBody[SealedPayloads]) -> SealedPayloads:
    """What somebody sends to a workflow by the UI or the command line, sealed before Temporal gets it."""
    sealer = Sealer(house.settings.payload_keys)
    return SealedPayloads([_sent(each) for each in sealer.sealed(_payload(each) for each in data.payloads)])


def sight_of(caller: Identity) -> Sight:
    """What somebody may read, by their roles."""
    return Sight(may(caller.roles, Scope.USERS_READ), may(caller.roles, Scope.PAYMENTS_READ))


def _payload(given: SealedPayload) -> Payload:
    metadata = {name: b64decode(value) for name, value in (given.metadata or {}).items()}
    return Payload(metadata=metadata, data=b64decode(given.data or ""))


def _sent(payload: Payload) -> SealedPayload:
    return _as_sent(payload.metadata, payload.data)


def _shown(payload: Payload, sight: Sight) -> SealedPayload:
    if not payload.data or (sight.people and sight.payments and payload.metadata.get("encoding") != PLAIN):
        return _sent(payload)
    value: Any = HIDDEN
    if payload.metadata.get("encoding") == PLAIN:
        try:
            value = masked(msgspec.json.decode(payload.data), sight)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = HIDDEN
    return _said(value)


def _said(value: Any) -> SealedPayload:
    return _as_sent({"encoding": PLAIN}, msgspec.json.encode(value))


def _as_sent(metadata: Mapping[str, bytes], data: bytes) -> SealedPayload:
    return SealedPayload(
        {name: b64encode(value).decode() for name, value in metadata.items()}, b64encode(data).decode()
    )  # fmt: skip


handlers = [decode, encode]

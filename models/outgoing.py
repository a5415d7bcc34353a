"""What of an order is told to the outside: which of its facts, under which name, to whom, and how it is signed.

Nothing leaves before the point of no return: facts of an order that was never confirmed are told to nobody.
"""

import base64
import hmac
import ipaddress
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from models.errors import Refusal


class Topic(StrEnum):
    """What a receiver can be told."""

    ORDER_CONFIRMED = "order.confirmed"
    """It is paid, or where money is taken at shipment, reserved. From here on it is never undone by itself."""
    ORDER_CANCELLED = "order.cancelled"
    """Of an order that had been confirmed; others are never told of."""
    ORDER_EDITED = "order.edited"
    """Other goods, another address, another total."""
    ORDER_REST_CANCELLED = "order.rest_cancelled"
    """What had not left never will; what had is the buyer's."""
    ORDER_SHORTAGE_ACCEPTED = "order.shortage_accepted"
    """Some of it never will be sent; the rest will."""
    ORDER_SHIPPED = "order.shipped"
    """A parcel left; of one order there may be several."""
    ORDER_DELIVERED = "order.delivered"
    """The last parcel arrived."""
    ORDER_COMPLETED = "order.completed"
    """Delivered, and past the time in which it can be returned."""
    PARCEL_DELIVERED = "parcel.delivered"
    PAYMENT_CAPTURED = "payment.captured"
    """Money was taken; in parts, where it is taken at shipment."""
    PAYMENT_DISPUTED = "payment.disputed"
    """The buyer went to their bank."""
    DISPUTE_WON = "payment.dispute_won"
    DISPUTE_LOST = "payment.dispute_lost"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"
    """Money did not arrive; staff see to it."""
    RETURN_REQUESTED = "return.requested"
    RETURN_APPROVED = "return.approved"
    RETURN_REJECTED = "return.rejected"
    RETURN_RECEIVED = "return.received"
    RETURN_INSPECTED = "return.inspected"
    RETURN_SETTLED = "return.settled"
    RETURN_EXPIRED = "return.expired"
    """The goods never came."""


_T = Topic

TOLD: Mapping[str, Topic] = {
    "order_confirmed": _T.ORDER_CONFIRMED, "order_cancelled": _T.ORDER_CANCELLED, "order_edited": _T.ORDER_EDITED,
    "rest_cancelled": _T.ORDER_REST_CANCELLED, "shortage_accepted": _T.ORDER_SHORTAGE_ACCEPTED,
    "order_shipped": _T.ORDER_SHIPPED, "parcel_delivered": _T.PARCEL_DELIVERED, "order_delivered": _T.ORDER_DELIVERED,
    "order_completed": _T.ORDER_COMPLETED, "payment_captured": _T.PAYMENT_CAPTURED,
    "dispute_opened": _T.PAYMENT_DISPUTED, "dispute_won": _T.DISPUTE_WON, "dispute_lost": _T.DISPUTE_LOST,
    "refund_succeeded": _T.REFUND_SUCCEEDED, "refund_failed": _T.REFUND_FAILED,
    "return_requested": _T.RETURN_REQUESTED, "return_approved": _T.RETURN_APPROVED,
    "return_rejected": _T.RETURN_REJECTED, "return_received": _T.RETURN_RECEIVED,
    "return_inspected": _T.RETURN_INSPECTED, "return_settled": _T.RETURN_SETTLED, "return_expired": _T.RETURN_EXPIRED,
}  # fmt: skip
"""Types of a timeline's facts that are told, and as what. A type that is not here stays in the house."""

EVERYTHING = "*"
"""Instead of topics: all there are, and all there will be."""
TEST = "test"
"""What an endpoint is sent to see whether it works."""


class EndpointStatus(StrEnum):
    """Whether a receiver is told."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Nothing is sent; what happens meanwhile is kept until somebody resumes it."""
    ARCHIVED = "archived"


class DeliveryStatus(StrEnum):
    """What became of telling one receiver one thing."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Not taken for three days; it is kept, and can be replayed."""
    WITHDRAWN = "withdrawn"
    """The endpoint was archived before."""


LONGEST = timedelta(days=3)
"""How long one delivery is tried; the last try is when they are over."""
WARN_AFTER = timedelta(days=1)
"""How long nothing but failures comes from an endpoint before staff are told."""
PAUSE_AFTER = LONGEST
"""How long before it is paused: as long as a delivery is tried, so that an outage of three days needs nobody."""
FAILING = 5
"""Failures in a row after which an endpoint is sent one thing at a time, until it takes one."""
OVERLAP = timedelta(hours=24)
"""How long the secret before is signed with too, unless said otherwise."""
KEPT = timedelta(days=30)
"""How long what became of a delivery can be looked up and replayed."""
_FIRST, _SLOWEST = timedelta(seconds=5), timedelta(hours=6)


def wait(tries: int) -> timedelta:
    """Before the next try, after so many: 5 s, 15 s, 45 s … at most six hours; up to a fifth more or less."""
    usual = min(_FIRST * int(3 ** min(tries - 1, 12)), _SLOWEST)
    return usual * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


class Endpoint(msgspec.Struct, frozen=True):
    """A receiver, as whoever sends to it needs it."""

    id: UUID
    url: str
    status: EndpointStatus
    secret_n: int
    previous_until: datetime | None
    failures: int


class Outgoing(msgspec.Struct, frozen=True):
    """One thing to tell one receiver."""

    id: UUID
    event: UUID
    order: UUID | None
    topic: str
    body: str | None
    """None: it is not written yet; from the first try on it stays the same."""
    tries: int
    """This one included."""
    until: datetime
    """When the last try is."""


class Answer(msgspec.Struct, frozen=True):
    """What came of a try."""

    status: int | None = None
    """Of HTTP; None: there was no answer."""
    error: str | None = None
    """Why it counts as failed; None: it was taken."""
    excerpt: str | None = None
    """How the answer's body begins."""


def secret(key: bytes, endpoint: UUID, n: int) -> str:
    """An endpoint's secret number `n`. It follows from the shop's key, so that it is written down nowhere."""
    made = hmac.new(key, b"webhook/" + endpoint.bytes + n.to_bytes(4, "big"), sha256).digest()
    return f"whsec_{base64.b64encode(made).decode()}"


def signature(secrets: Sequence[str], id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature` of the scheme *Standard Webhooks*, one signature a secret."""
    signed = f"{id}.{timestamp}.".encode() + body
    keys = [base64.b64decode(each.removeprefix("whsec_")) for each in secrets]
    return " ".join(f"v1,{base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()}" for key in keys)


_UNICAST_V6 = ipaddress.ip_network("2000::/3")
_NEVER = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")))
"""Of protocols, tunnels and examples; which of them count as global is another thing in each Python."""


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet's, which is none of the shop's own machines.

    Those that carry another address inside are not: what they lead to is not what was looked at.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if not found.is_global or found.is_multicast or found.is_reserved or found.is_unspecified:
        return False
    if found.version == 6 and found not in _UNICAST_V6:
        return False
    return not any(found in each for each in _NEVER if each.version == found.version)


def must_be_sendable(url: str, private: bool) -> None:
    """Raises: Refusal `webhook_url_unacceptable` for an address that nothing is sent to; `private`: allowed inside."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        host = host.encode("idna").decode() if host and ":" not in host else host
    except ValueError:
        raise _unacceptable("is not an address") from None
    if parts.scheme not in (("https", "http") if private else ("https",)):
        raise _unacceptable("must begin with https://")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise _unacceptable("must name a host, and neither a user nor a fragment")
    try:
        literal = is_public(host)
    except ValueError:
        return  # a name: where it leads is looked at each time that something is sent
    if not literal and not private:
        raise _unacceptable("leads into a private network")


def _unacceptable(why: str) -> Refusal:
    return Refusal("webhook_url_unacceptable", f"This address {why}.", pointer="/url")

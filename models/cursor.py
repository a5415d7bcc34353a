"""The place in a list where the next page begins: a position in the list's order, so that inserts never shift it.

Signed, so that only places we handed out are ever looked up (or cached), and anything else is a clear refusal.
"""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

import msgspec

from models.errors import Refusal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTH = 32
_TAG = 8
"""Bytes of signature: a forged cursor harms nobody, it would only waste a look-up."""


class Cursor(msgspec.Struct, frozen=True):
    """The last row of a page, in a list ordered by time and id."""

    at: datetime
    id: UUID


def write(key: bytes, place: Cursor) -> str:
    """The cursor as clients see it: 43 letters that mean nothing to them."""
    micros = (place.at - _EPOCH) // timedelta(microseconds=1)
    raw = micros.to_bytes(8, "big", signed=True) + place.id.bytes
    return base64.urlsafe_b64encode(raw + _tag(key, raw)).rstrip(b"=").decode()


def read(key: bytes, text: str) -> Cursor:
    """The place that `text` names. Raises: Refusal `cursor_unknown` when it was not handed out by us."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _LENGTH or not hmac.compare_digest(raw[-_TAG:], _tag(key, raw[:-_TAG])):
        raise Refusal("cursor_unknown", "This cursor was not given out by this list: start again without one.")
    return Cursor(_EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], "big", signed=True)), UUID(bytes=raw[8:24]))


def _tag(key: bytes, raw: bytes) -> bytes:
    return blake2b(raw, digest_size=_TAG, key=blake2b(key).digest(), person=b"cursor").digest()

"""The place in a list where the next page begins: a position in the list's order, so that inserts never shift it.

Signed, so that only places we handed out are ever looked up (or cached), and anything else is a clear refusal.
"""

import base64
import hmac
import struct
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
    raw = _opened(key, text, "")
    return Cursor(_EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], "big", signed=True)), UUID(bytes=raw[8:24]))


class Rank(msgspec.Struct, frozen=True):
    """The last row of a page, in a list ordered by a value and id."""

    value: int | float | datetime
    id: UUID


def write_rank(key: bytes, place: Rank, of: str) -> str:
    """The cursor of a list that can be ordered and filtered: it is good in the very list that `of` names."""
    value = place.value
    if isinstance(value, datetime):
        value = (value - _EPOCH) // timedelta(microseconds=1)
    raw = struct.pack(">d" if isinstance(value, float) else ">q", value) + place.id.bytes
    return base64.urlsafe_b64encode(raw + _tag(key, raw, of)).rstrip(b"=").decode()


def read_rank(key: bytes, text: str, of: str, kind: type[int] | type[float] | type[datetime]) -> Rank:
    """The place that `text` names, in a list ordered by values of this kind. Raises: Refusal `cursor_unknown`."""
    raw = _opened(key, text, of)
    (value,) = struct.unpack(">d" if kind is float else ">q", raw[:8])
    return Rank(_EPOCH + timedelta(microseconds=value) if kind is datetime else value, UUID(bytes=raw[8:24]))


def _opened(key: bytes, text: str, of: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _LENGTH or not hmac.compare_digest(raw[-_TAG:], _tag(key, raw[:-_TAG], of)):
        raise Refusal("cursor_unknown", "This cursor was not given out by this list: start again without one.")
    return raw


def _tag(key: bytes, raw: bytes, of: str = "") -> bytes:
    whole = raw + of.encode()
    return blake2b(whole, digest_size=_TAG, key=blake2b(key).digest(), person=b"cursor").digest()

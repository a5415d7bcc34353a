"""What a sign-in hands out: a short-lived access token (a JWT) and a refresh token that is good for one use.

A session is the family of all its refresh tokens. Each names its generation; one of an older generation that comes
back was copied, and ends the session.
"""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from uuid import UUID

import jwt
import msgspec

from models.errors import Refusal
from models.ids import SessionId, UserId

ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(days=7)
"""How long a session lives after its last refresh."""
DESK_LIFE = timedelta(hours=12)
"""How long a sign-in at the desk lasts, whatever is done in it: a working day."""

_ISSUER = "holdfast"
_ALGORITHM = "HS256"
_TAG = 16
_REFRESH_LENGTH = 16 + 4 + _TAG
_DESK_LENGTH = 16 + 8 + _TAG


class Ended(StrEnum):
    """Why a session was ended before its time."""

    LOGOUT = "logout"
    REUSED = "token_reused"
    """A refresh token came back that had been used already: somebody has a copy."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  it is a reason
    CROWDED_OUT = "crowded_out"
    """The account signed in elsewhere more often than it may be signed in at once."""
    CLOSED = "closed"
    """Staff closed the account."""
    BY_STAFF = "by_staff"
    """Staff ended all sign-ins of an account that stays open."""
    ERASED = "erased"


class Grant(msgspec.Struct, frozen=True):
    """What one sign-in or refresh gave: both tokens follow from it, so that it is kept for a repeat, and they never."""

    user: UserId
    session: SessionId
    generation: int
    issued_at: datetime


class Claims(msgspec.Struct, frozen=True):
    """What a genuine access token says. Whether its session still lives is Postgres' to say."""

    user: UserId
    session: SessionId
    expires_at: datetime | None = None


class RefreshClaims(msgspec.Struct, frozen=True):
    """What a genuine refresh token says."""

    session: SessionId
    generation: int


def access_token(key: bytes, user: UserId, session: SessionId, now: datetime) -> str:
    """A JWT for `ACCESS_LIFE` from `now`; the same arguments make the same token."""
    issued = int(now.timestamp())
    claims = {
        "iss": _ISSUER, "sub": user.hex, "sid": session.hex, "iat": issued,
        "exp": issued + int(ACCESS_LIFE.total_seconds()),
    }  # fmt: skip
    return jwt.encode(claims, _key(key, b"access token"), _ALGORITHM)


def read_access_token(key: bytes, token: str) -> Claims:
    """What `token` says. Raises: Refusal `token_expired`, or `unauthorized` when it is not ours."""
    try:
        claims = jwt.decode(
            token, _key(key, b"access token"), algorithms=[_ALGORITHM], issuer=_ISSUER,
            options={"require": ["iss", "sub", "sid", "iat", "exp"], "verify_iat": False},
        )  # fmt: skip
        until = datetime.fromtimestamp(claims["exp"], UTC)
        found = Claims(UserId(UUID(hex=claims["sub"])), SessionId(UUID(hex=claims["sid"])), until)
    except jwt.ExpiredSignatureError as old:
        raise Refusal("token_expired", "This access token has expired: refresh it.") from old
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, RecursionError) as forged:
        raise Refusal("unauthorized", "This access token was not given out by this shop.") from forged
    signature = token.rpartition(".")[2]
    if _encode(base64.urlsafe_b64decode(signature + "=")) != signature:
        raise Refusal("unauthorized", "This access token was not given out by this shop.")
    return found


def refresh_token(key: bytes, session: SessionId, generation: int) -> str:
    """The refresh token of one generation of a session."""
    raw = session.bytes + generation.to_bytes(4, "big")
    return _encode(raw + _tag(key, raw))


def read_refresh_token(key: bytes, token: str) -> RefreshClaims:
    """What `token` says. Raises: Refusal `unauthorized` when it is not ours."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    genuine = len(raw) == _REFRESH_LENGTH and hmac.compare_digest(raw[-_TAG:], _tag(key, raw[:-_TAG]))
    if not genuine or _encode(raw) != token:
        raise Refusal("unauthorized", "This refresh token was not given out by this shop.")
    return RefreshClaims(SessionId(UUID(bytes=raw[:16])), int.from_bytes(raw[16:20], "big"))


def desk_token(key: bytes, session: SessionId, now: datetime) -> str:
    """What the cookie of the desk holds, for `DESK_LIFE` from `now`."""
    raw = session.bytes + int((now + DESK_LIFE).timestamp()).to_bytes(8, "big")
    return _encode(raw + _tag(key, raw, b"desk"))


def read_desk_token(key: bytes, token: str, now: datetime) -> SessionId | None:
    """Whose it is; None: it is not ours, or too old."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    genuine = len(raw) == _DESK_LENGTH and hmac.compare_digest(raw[-_TAG:], _tag(key, raw[:-_TAG], b"desk"))
    if not genuine or _encode(raw) != token or int.from_bytes(raw[16:24], "big") <= now.timestamp():
        return None
    return SessionId(UUID(bytes=raw[:16]))


def desk_proof(key: bytes, session: SessionId) -> str:
    """What a form of the desk brings back: no other page knows it, and it is no use in another sign-in."""
    return _encode(_tag(key, session.bytes, b"desk form"))


def _encode(raw: bytes) -> str:
    """The one text of these bytes: decoders also take others, and one token is to be one text."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def _key(key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose alone: what is signed for one can never pass for another."""
    return hmac.digest(key, purpose, sha256)


def _tag(key: bytes, raw: bytes, purpose: bytes = b"refresh token") -> bytes:
    return hmac.digest(_key(key, purpose), raw, sha256)[:_TAG]

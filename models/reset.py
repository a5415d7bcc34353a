"""Setting a new password without the old one: six digits by mail, then a token that is good for one new password.

Neither is stored anywhere. Both follow from the reset's id and the secret key: whoever reads the tables, the histories
of workflows or a letter that waits learns no code.
"""

import base64
import hmac
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from models.ids import ResetId

CODE_LIFE = timedelta(minutes=5)
"""How long a code is good after the mail server took its letter: one that was away must not make it useless."""
CODE_LATEST = timedelta(hours=1)
"""After this much time since somebody asked no code is good, wherever its letter is."""
TOKEN_LIFE = timedelta(minutes=10)
"""How long after the code the new password may be set."""
TRIES = 5
"""Codes that may be tried for one reset; the right one counts too."""
MOST_AN_HOUR = 5
"""Resets of one address: asking again gives new tries, and somebody a new letter."""

_DIGITS = 6
_TAG = 16


def email_key(key: bytes, email: str) -> str:
    """What stands for an address where the address itself shall not stand; the same however its letters are cased."""
    return hmac.digest(key, b"reset address:" + email.lower().encode(), sha256).hex()


def code(key: bytes, reset: ResetId) -> str:
    """The six digits of a reset."""
    number = int.from_bytes(hmac.digest(key, b"reset code:" + reset.bytes, sha256)[:8], "big")
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def is_code(key: bytes, reset: ResetId, given: str) -> bool:
    """Whether these are the six digits of a reset; takes as long for wrong ones."""
    return hmac.compare_digest(code(key, reset).encode(), given.encode())


def token(key: bytes, reset: ResetId) -> str:
    """What the right code is given for."""
    return base64.urlsafe_b64encode(reset.bytes + _sign(key, reset)).rstrip(b"=").decode()


def read_token(key: bytes, given: str) -> ResetId | None:
    """The reset that a token is for; None when we never gave it out. Whether it is still good, Postgres knows."""
    try:
        raw = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    if len(raw) != 16 + _TAG:
        return None
    reset = ResetId(UUID(bytes=raw[:16]))
    genuine = hmac.compare_digest(raw[16:], _sign(key, reset)) and token(key, reset) == given
    return reset if genuine else None


def _sign(key: bytes, reset: ResetId) -> bytes:
    return hmac.digest(key, b"reset token:" + reset.bytes, sha256)[:_TAG]

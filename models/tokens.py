"""Bearer tokens of people without an account: signed, so that they need no row and cannot be guessed.

Cart-Token names a cart, Order-Token an order. The order number itself is derived the same way from the workflow's id:
whoever places the same order computes the same number, and nobody can guess the next one. So is a gift card's code.
"""

import base64
import hmac
from datetime import date, timedelta
from hashlib import sha256
from uuid import UUID

from models.ids import CartId, CreditAccountId, OrderNumber, UserId

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits that are not mistaken for each other when read aloud."""


def cart_token(key: bytes, cart: CartId) -> str:
    """The bearer token of a cart."""
    return _encode(cart.bytes + _sign(key, b"cart", cart.bytes))


def read_cart_token(key: bytes, token: str) -> CartId | None:
    """The cart that `token` opens, or None when it was not issued by us."""
    raw = _decode(token)
    if raw is None or len(raw) != 32 or not hmac.compare_digest(raw[16:], _sign(key, b"cart", raw[:16])):
        return None
    return CartId(UUID(bytes=raw[:16]))


def unsubscribe_token(key: bytes, user: UserId) -> str:
    """What a letter carries so that its reader, who need not sign in for that, gets no more of its kind."""
    return _encode(user.bytes + _sign(key, b"unsubscribe", user.bytes))


def read_unsubscribe_token(key: bytes, token: str) -> UserId | None:
    """The account that wants no more letters, or None when `token` was not issued by us."""
    raw = _decode(token)
    if raw is None or len(raw) != 32 or not hmac.compare_digest(raw[16:], _sign(key, b"unsubscribe", raw[:16])):
        return None
    return UserId(UUID(bytes=raw[:16]))


def visitors(key: bytes, who: UUID, today: date) -> list[UUID]:
    """As whom looks at products are kept of an account or a cart: this month, then in those of the last 30 days.

    Without the key nobody can tell who it was, and with each month everybody becomes somebody else.
    """
    months = dict.fromkeys(f"{today - timedelta(days=back):%Y-%m}" for back in (0, 15, 30))
    return [UUID(bytes=_sign(key, b"visitor", f"{month}/".encode() + who.bytes)) for month in months]


def order_token(key: bytes, number: OrderNumber) -> str:
    """The bearer token of one order, given to its buyer at checkout."""
    return _encode(_sign(key, b"order", number.encode()))


def opens_order(key: bytes, number: OrderNumber, token: str) -> bool:
    """Whether `token` was issued for order `number`."""
    raw = _decode(token)
    return raw is not None and hmac.compare_digest(raw, _sign(key, b"order", number.encode()))


def order_number(key: bytes, workflow_id: str) -> OrderNumber:
    """The number people see, `HF-XXXXX-XXXXX`: 50 bits that follow from the workflow id and the key alone."""
    bits = int.from_bytes(hmac.digest(key, b"number:" + workflow_id.encode(), sha256)[:8], "big")
    letters = "".join(_ALPHABET[bits >> shift & 31] for shift in range(0, 50, 5))
    return OrderNumber(f"HF-{letters[:5]}-{letters[5:]}")


def gift_card_code(key: bytes, card: CreditAccountId) -> str:
    """What opens a gift card, `XXXX-XXXX-XXXX-XXXX`: 80 bits that follow from its id and the key, and stand nowhere."""
    bits = int.from_bytes(_sign(key, b"gift card", card.bytes)[:10], "big")
    letters = "".join(_ALPHABET[bits >> shift & 31] for shift in range(0, 80, 5))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def gift_card_key(key: bytes, code: str) -> str:
    """What is stored of a code, however it is written: enough to find its card by it, not to read it back."""
    plain = "".join(code.split()).replace("-", "").upper()
    return hmac.new(key, b"gift card code:" + plain.encode(), sha256).hexdigest()


def _sign(key: bytes, kind: bytes, data: bytes) -> bytes:
    return hmac.digest(key, kind + b":" + data, sha256)[:16]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(token: str) -> bytes | None:
    """The bytes of a token as we write it; other spellings of the same bytes are not ours."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return raw if _encode(raw) == token else None

"""What of a message, a card or a failure somebody may read who may not read everything.

Who may not read people is shown only what is known to be harmless: every other text is masked, so a field that comes
to a message tomorrow is hidden until somebody says here that it may be seen. Secrets are shown to nobody.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

HIDDEN = "•••"
_SECRET = frozenset({"client_secret"})
_PAYMENT = frozenset({"customer", "destination", "payment_reference", "redirect_url", "reference", "return_url"})
"""What leads to money at a payment provider."""
_HARMLESS = frozenset(
    (
        "about actor after ask attention carrier cause code country currency current_details currentDetails decision "
        "description digest event_id exchange_sku fact file gone group id instead_of key kind language last4 brand "
        "locale location method n number object of only order order_number orders outcome owner payment_status "
        "provider providers purpose quantity reader request_id sha256 shipping_method sku standing state status step "
        "summary template todo type types until vendor waiting waiting_for what workflow_id"
    ).split()
)
"""Fields whose texts never are a person's: codes, ids, statuses, and our own words."""
_DEFINITION = "definition"
"""In what a workflow says of itself: its type, and the commands that it takes."""
_REFERENCE = re.compile(
    r"\b((?:acct|ba|card|ch|cs|cus|dp|du|pi|pm|po|py|pyr|re|seti|src|tr|trr|txn)(?:_test|_live)?_)\w+(?=\w{4})"
)
_ADDRESS = re.compile(r"[^\s@<>(),;:\"'=]+@[^\s@<>(),;:\"'=]+")
_AS_IT_IS = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9:]+))?|HF-\w{5}-\w{5}"
)
"""Ids, times and numbers of orders."""


class Sight(msgspec.Struct, frozen=True):
    """What somebody may read."""

    people: bool
    payments: bool

    def __str__(self) -> str:
        seen = [name for name, may in (("people", self.people), ("payments", self.payments)) if may]
        return " and ".join(seen) or "neither people nor payments"


def masked(value: Any, sight: Sight) -> Any:
    """The same JSON for somebody with this sight."""
    if isinstance(value, str):
        return _own_words(value, sight)
    if isinstance(value, Mapping) and _DEFINITION in value:
        return {name: _all_own_words(part, sight) for name, part in value.items()}
    return _masked("", value, sight)


def _masked(field: str, value: Any, sight: Sight) -> Any:
    if isinstance(value, Mapping):
        return {name: _masked(name, part, sight) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked(field, part, sight) for part in value]
    if field in _SECRET and value is not None:
        return HIDDEN
    if not isinstance(value, str):
        return value
    if field in _PAYMENT:
        return value if sight.payments else _end_of(value)
    if sight.people or field in _HARMLESS or _AS_IT_IS.fullmatch(value):
        return _own_words(value, sight)
    return HIDDEN


def _all_own_words(value: Any, sight: Sight) -> Any:
    if isinstance(value, Mapping):
        return {name: _all_own_words(part, sight) for name, part in value.items()}
    if isinstance(value, list):
        return [_all_own_words(part, sight) for part in value]
    return _own_words(value, sight) if isinstance(value, str) else value


def _own_words(text: str, sight: Sight) -> str:
    """What we said ourselves, without what it may quote."""
    if not sight.payments:
        text = _REFERENCE.sub(rf"\1{HIDDEN}", text)
    return text if sight.people else _ADDRESS.sub(HIDDEN, text)


def _end_of(reference: str) -> str:
    """Enough to compare it with another, not enough to use it."""
    prefix = found[1] if (found := _REFERENCE.match(reference)) else ""
    return f"{prefix}{HIDDEN}{reference[-4:]}" if len(reference) > len(prefix) + 4 else HIDDEN

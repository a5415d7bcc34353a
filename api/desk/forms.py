"""Forms of the desk: the fields they ask for, what stands in them, and the body that comes of what was said."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from api.problems import FieldError, Invalid
from models.money import EXPONENTS

Body = dict[str, Any]
Given = Mapping[str, str]
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,3}))?", re.ASCII)


class Field(msgspec.Struct, frozen=True):
    """One thing to say."""

    name: str
    label: str
    kind: str = "text"
    """`text`, `lines`, `number`, `money`, `choice`, `tick`, `day`, `units`."""
    value: str = ""
    """What stands there at first."""
    hint: str = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    """Value and words of each."""
    units: tuple[tuple[str, str, int], ...] = ()
    """SKU, name and the most of each position."""
    filled: bool = False
    """Whether all units stand there at first."""


class Form(msgspec.Struct, frozen=True):
    """Something that can be asked for."""

    id: str
    to: str
    """Where it is sent."""
    title: str
    what: str
    """What comes of it."""
    fields: tuple[Field, ...]
    grave: bool = False
    """It cannot be taken back."""


class Filled(msgspec.Struct, frozen=True):
    """A form that was sent and refused."""

    form: str
    title: str
    given: Given
    why: str
    errors: tuple[str, ...] = ()
    key: str | None = None
    """Under which it can be sent again; None: under a new one."""


REASON = Field("reason", "Reason", hint="For the audit log, which is never edited: name no person.", required=True)


def reason(value: str) -> Field:
    """With something in it already."""
    return msgspec.structs.replace(REASON, value=value)


_TEXTS = ("reason", "carrier", "tracking", "location", "to", "from", "text", "sku", "kind", "day")
_WHOLES = ("minutes", "shipment")
_SUMS = ("amount", "fee")
_TICKS = ("shipping", "anew")


def body(given: Given, currency: str) -> Body:
    """What the fields of a form say, as the body of an operation. Raises: Invalid."""
    said: Body = {name: given[name] for name in _TEXTS if name in given}
    said |= {name: whole(given[name], name) for name in _WHOLES if name in given}
    for name in _SUMS:
        if name in given:
            said[name] = {"amount": minor_units(given[name], currency, name), "currency": currency}
    said |= {name: True for name in _TICKS if name in given}
    counted = units(given, "items")
    if counted:
        said["items"] = [{"sku": sku, "quantity": quantity} for sku, quantity in counted.items()]
    return said


def units(given: Given, name: str) -> dict[str, int]:
    """How many of each SKU, of those of which there are any. Raises: Invalid."""
    found = {
        field.removeprefix(f"{name}."): whole(value, name)
        for field, value in given.items() if field.startswith(f"{name}.")
    }  # fmt: skip
    return {sku: quantity for sku, quantity in found.items() if quantity}


def minor_units(text: str, currency: str, name: str = "amount") -> int:
    """`12.50` as 1250 cents. Raises: Invalid for what is no amount of this currency."""
    digits = EXPONENTS[currency]
    found = _AMOUNT.fullmatch(text.replace(",", "") if "." in text else text.replace(",", "."))
    if found is None or len(found[2] or "") > digits:
        shape = f"12.{'5' * digits}" if digits else "12"
        raise Invalid(FieldError(f"This is no amount of {currency.upper()}: as in {shape}", pointer=f"/{name}"))
    return int(found[1] + (found[2] or "").ljust(digits, "0"))


def whole(text: str, name: str) -> int:
    """A number. Raises: Invalid."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid(FieldError("Expected a whole number", pointer=f"/{name}"))
    return int(text)

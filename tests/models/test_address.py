"""Addresses: what the post can deliver to, and nothing that breaks a label or a line of a log."""

from typing import Any

import msgspec
import pytest

from models.address import COUNTRIES, Address

GOOD = {"full_name": "Ada Lovelace", "line1": "1 Main St", "city": "New York", "postal_code": "10001", "country": "US"}


def read(**changes: Any) -> Address:
    """An address as it comes from outside; None leaves a field out."""
    values = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return msgspec.json.decode(msgspec.json.encode(values), type=Address)


def test_a_complete_address_is_taken() -> None:
    """Given every field, in any script, then it is kept as written."""
    address = read(full_name="山田 太郎", line2="裏の家", region="13", phone="+81 (3) 1234-5678", country="JP")
    assert (address.full_name, address.line2, address.region) == ("山田 太郎", "裏の家", "13")
    assert msgspec.json.decode(msgspec.json.encode(address), type=Address) == address


def test_what_was_not_given_is_not_written() -> None:
    """Given only what is needed, then the JSON has no empty fields."""
    assert msgspec.json.decode(msgspec.json.encode(read())) == GOOD


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_field_is_named(name: str) -> None:
    """Given an address without one of its fields, then it is refused by that name."""
    with pytest.raises(msgspec.ValidationError, match=f"`{name}`"):
        read(**{name: None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("country", "us"), ("country", "USA"), ("country", ""), ("country", "XX"), ("country", "UK"),
        ("country", "U\n"), ("full_name", ""), ("full_name", "x" * 201), ("full_name", "a\x00b"), ("city", "a\nb"),
        ("line1", "a\x7fb"), ("line1", "tail\n"), ("postal_code", ""), ("postal_code", "1" * 21),
        ("postal_code", "1\t2"), ("phone", "call me"), ("phone", "1" * 31), ("region", ""), ("line2", 7),
    ],
)  # fmt: skip
def test_what_no_label_can_carry_is_refused_at_its_place(name: str, value: object) -> None:
    """Given an unknown country, a control character, or too little or too much text, then that field is named."""
    with pytest.raises(msgspec.ValidationError) as refused:
        read(**{name: value})
    assert f"$.{name}" in str(refused.value) or "unknown country" in str(refused.value)


def test_countries_are_those_of_iso_3166() -> None:
    """Given the list, then it has the 249 assigned codes, with GB and without UK, EU and the user-assigned ones."""
    assert len(COUNTRIES) == 249
    assert {"US", "GB", "DE", "JP", "GR", "XK"} - COUNTRIES == {"XK"}
    assert not {"UK", "EU", "EL", "XX", "ZZ", "AN", "SU"} & COUNTRIES
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)

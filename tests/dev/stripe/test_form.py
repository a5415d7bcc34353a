"""Form bodies: nested keys, lists and what a schema makes of them."""

import pytest

from dev.stripe.cards import CARDS, luhn_valid
from dev.stripe.currencies import shown
from dev.stripe.errors import Obj, StripeError
from dev.stripe.form import Schema, boolean, integer, list_of, merged_metadata, metadata, nested, parse, string

SCHEMA = Schema(
    {
        "amount": integer(least=1),
        "live": boolean,
        "tags": list_of(string()),
        "items": list_of(nested({"name": string(), "count": integer()}, required=("name",))),
        "note": string(unset=True),
        "metadata": metadata,
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount=5&live=true", {"amount": 5, "live": True}),
        ("tags[]=a&tags[]=b", {"tags": ["a", "b"]}),
        ("tags[1]=b&tags[0]=a", {"tags": ["a", "b"]}),
        ("tags[10]=c&tags[9]=b", {"tags": ["b", "c"]}),
        ("items[0][name]=x&items[0][count]=2", {"items": [{"name": "x", "count": 2}]}),
        ("items[][name]=x&items[][count]=2&items[][name]=y", {"items": [{"name": "x", "count": 2}, {"name": "y"}]}),
        ("metadata[a%5Bb]=1&metadata[c]=", {"metadata": {"a": {"b": "1"}}}),
        ("note=", {"note": None}),
        ("note=a%26b%3Dc+d", {"note": "a&b=c d"}),
        ("", {}),
    ],
)
def test_parsed_and_read(text: str, expected: Obj) -> None:
    """Every way the SDKs and curl write nesting; a deeper metadata value is refused."""
    if "metadata" in expected:
        with pytest.raises(StripeError, match="flat set of strings"):
            SCHEMA.read(parse(text))
    else:
        assert SCHEMA.read(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("amount=", "parameter_invalid_empty", "amount"),
        ("amount=1e3", "parameter_invalid_integer", "amount"),
        ("amount[x]=1", "parameter_invalid_integer", "amount"),
        ("amount=99999999999999999999", "parameter_invalid_integer", "amount"),
        ("live=yes", None, "live"),
        ("tags=a", None, "tags"),
        ("items[0][count]=1", "parameter_missing", "items[0][name]"),
        ("items[0][name]=x&items[0][colour]=red", "parameter_unknown", "items[0][colour]"),
        ("amount=1&amount[x]=2", None, "amount"),
    ],
)
def test_refused(text: str, code: str | None, param: str) -> None:
    """The refusal names the parameter by its full path."""
    with pytest.raises(StripeError) as refusal:
        SCHEMA.read(parse(text))
    assert (refusal.value.status, refusal.value.error.get("code"), refusal.value.error["param"]) == (400, code, param)


def test_metadata_merges() -> None:
    """Given keys are set, empty ones removed, an empty whole clears."""
    assert merged_metadata({"a": "1", "b": "2"}, {"b": "", "c": "3"}) == {"a": "1", "c": "3"}
    assert merged_metadata({"a": "1"}, {"": ""}) == {}


def test_every_test_card_has_a_valid_number() -> None:
    """The published numbers pass the check digit, so a form would take them."""
    assert [card.token for card in CARDS if not luhn_valid(card.number)] == []


def test_amounts_in_messages() -> None:
    """As a person reads them, per currency."""
    assert [shown(1001, "usd"), shown(500, "jpy"), shown(1230, "kwd"), shown(5, "eur")] == [
        "$10.01",
        "¥500",
        "1.230 kwd",
        "€0.05",
    ]

"""Kept cards at the door: whose they are, what is refused, and what is said while Temporal is away."""

import pytest

from models.database import Database
from models.ids import UserId
from models.payment_method import KeptCard
from models.tables import payment_method as wallets
from tests import people
from tests.api.conftest import Api

METHODS = "/api/v1/payment-methods"
CALLS = (("GET", METHODS), ("POST", METHODS), ("DELETE", f"{METHODS}/pm_1"), ("POST", f"{METHODS}/pm_1/default"))


async def with_cards(database: Database, *cards: str) -> UserId:
    """Somebody who keeps these."""
    async with database.writing() as writer:
        user = await people.account(writer)
        for card in cards:
            await wallets.keep(writer, user, KeptCard(card, f"cus_{user.hex}", "visa", "4242", 1, 2034))
    return user


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_nobody_keeps_cards_without_an_account(api: Api, method: str, path: str) -> None:
    """Given nobody signed in, then 401."""
    answer = await api.client.request(method, path, json={})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_the_list_shows_no_more_than_people_recognise_a_card_by(api: Api, database: Database) -> None:
    """Given two cards, then the default comes first, and neither customer nor provider is told."""
    mine = await api.sign_in(user=await with_cards(database, "pm_1", "pm_2"))
    await with_cards(database, "pm_of_somebody_else")
    found = (await api.get(METHODS, headers=mine)).json()
    assert [(item["id"], item["is_default"]) for item in found["items"]] == [("pm_1", True), ("pm_2", False)]
    assert (found["total"], found["next_cursor"]) == (2, None)
    assert set(found["items"][0]) == {"id", "brand", "last4", "exp_month", "exp_year", "is_default", "created_at"}


async def test_a_default_is_chosen_without_the_provider(api: Api, database: Database) -> None:
    """Given Temporal and provider away, then another default is chosen all the same; a key is good for one choice."""
    mine = await api.sign_in(user=await with_cards(database, "pm_1", "pm_2", "pm_3"))
    key = {**mine, "Idempotency-Key": "choose"}
    for _ in range(2):
        chosen = await api.post(f"{METHODS}/pm_2/default", headers=key)
        assert (chosen.status_code, chosen.json()["is_default"]) == (200, True)
    other = await api.post(f"{METHODS}/pm_3/default", headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    items = (await api.get(METHODS, headers=mine)).json()["items"]
    assert [item["id"] for item in items if item["is_default"]] == ["pm_2"]


@pytest.mark.parametrize("reference", ["pm_9", "x", "a'b", "%00", "%F0%9F%A6%89", "pm_1%0A", "p" * 3000])
async def test_what_is_no_card_of_ones_own_is_not_there(api: Api, database: Database, reference: str) -> None:
    """Given an unknown, strange or foreign id, then 404 before anybody is asked, and nothing moved."""
    mine = await api.sign_in(user=await with_cards(database, "pm_1"))
    await with_cards(database, "pm_9")
    before = [tuple(row) for row in await database.fetch("SELECT * FROM payment_methods ORDER BY reference")]
    for method, path in (("DELETE", f"{METHODS}/{reference}"), ("POST", f"{METHODS}/{reference}/default")):
        answer = await api.client.request(method, path, headers=mine)
        assert (answer.status_code, answer.json()["code"]) == (404, "payment_method_not_found"), answer.text
    assert [tuple(row) for row in await database.fetch("SELECT * FROM payment_methods ORDER BY reference")] == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"payment_method": "4242 4242 4242 4242"}, "/payment_method"), ({"payment_method": ""}, "/payment_method"),
        ({"payment_method": "pm_\0"}, "/payment_method"), ({"payment_method": "pm_🦉"}, "/payment_method"),
        ({"payment_method": "p" * 300}, "/payment_method"), ({"payment_method": 7}, "/payment_method"),
        ({"set_default": "yes"}, "/set_default"), ({"card": "4242424242424242"}, "/card"),
    ],
)  # fmt: skip
async def test_what_is_no_reference_is_refused(api: Api, body: dict[str, object], pointer: str) -> None:
    """Given a card number, an unknown field, or what no provider gave out, then 422 names the field."""
    answer = await api.post(METHODS, json=body, headers=await api.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_while_temporal_is_away_nothing_is_promised(api: Api, database: Database) -> None:
    """Given Temporal away, then saving and removing answer 503 with Retry-After, and the card stays."""
    mine = await api.sign_in(user=await with_cards(database, "pm_1"))
    for method, path, body in (("POST", METHODS, {}), ("DELETE", f"{METHODS}/pm_1", None)):
        answer = await api.client.request(method, path, json=body, headers=mine)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
        assert "Retry-After" in answer.headers
    assert len((await api.get(METHODS, headers=mine)).json()["items"]) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "\x7f", "ü"])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    """Given an Idempotency-Key that cannot be one, then 422 names the header."""
    headers = [*(await api.sign_in()).items(), ("Idempotency-Key", key.encode())]
    answer = await api.post(METHODS, json={}, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text

"""Gift cards in the cart: what they pay, who is refused and why, and that looking costs nobody anything."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models import clock
from models.database import Database
from models.ids import new_id
from tests import purse, shop
from tests.api.conftest import Api, StartApi

CARDS = "/api/v1/cart/gift-cards"
CART = "/api/v1/cart"


def money(amount: int, currency: str = "usd") -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": currency}


async def issued(database: Database, amount: int = 600, **more: Any) -> purse.Card:
    """A gift card."""
    async with database.writing() as writer:
        return await purse.gift_card(writer, amount, **more)


async def rows(database: Database) -> list[str]:
    """All that a refusal must leave alone."""
    found = await database.fetch(
        "SELECT a::text FROM credit_accounts a UNION ALL SELECT g::text FROM cart_gift_cards g "
        "UNION ALL SELECT c::text FROM carts c UNION ALL SELECT r::text FROM idempotent_requests r ORDER BY 1"
    )
    return [row[0] for row in found]


@pytest.fixture
async def buyer(api: Api, database: Database) -> dict[str, str]:
    """Somebody with tea for 10.00 usd in the cart."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "TEA", 5)
    return await api.shopper("TEA")


async def test_cards_pay_in_the_order_they_came(api: Api, database: Database, buyer: dict[str, str]) -> None:
    """Given cards of 6.00 and 9.00 in a cart of 10.00, then the first pays all it has, the second the rest."""
    first, second = await issued(database, 600), await issued(database, 900)

    for card in (first, second):
        answer = await api.post(CARDS, json={"code": card.code}, headers=buyer)
        assert answer.status_code == 201

    cart = (await api.get(CART, headers=buyer)).json()
    assert answer.json() == cart
    assert cart["gift_cards"] == [
        {"id": str(first.id), "last4": first.code[-4:], "balance": money(600), "applied": money(600), "expired": False},
        {"id": str(second.id), "last4": second.code[-4:], "balance": money(900), "applied": money(400),
         "expired": False},
    ]  # fmt: skip
    assert (cart["totals"]["total"], cart["totals"]["credit"], cart["totals"]["due"]) == (
        money(1000), money(1000), money(0),
    )  # fmt: skip
    assert [await purse.balance(database, card.id) for card in (first, second)] == [600, 900]
    assert first.code not in answer.text

    for _ in range(2):
        left = await api.delete(f"{CARDS}/{first.id}", headers=buyer)
        assert (left.status_code, [card["id"] for card in left.json()["gift_cards"]]) == (200, [str(second.id)])
    assert left.json()["totals"]["due"] == money(100)


async def test_a_code_may_be_written_as_people_write(api: Api, database: Database, buyer: dict[str, str]) -> None:
    """Given a code in small letters with blanks, then it is the same card, once."""
    card = await issued(database)
    for code in (card.code, card.code.lower().replace("-", " ")):
        answer = await api.post(CARDS, json={"code": code}, headers=buyer)
        assert (answer.status_code, len(answer.json()["gift_cards"])) == (201, 1)


async def test_the_same_key_is_answered_alike(api: Api, database: Database, buyer: dict[str, str]) -> None:
    """Given a request sent twice at once under one key, then there are two equal answers, and the code is not kept."""
    card = await issued(database)
    headers = {**buyer, "Idempotency-Key": "k"}
    one, two = await asyncio.gather(*(api.post(CARDS, json={"code": card.code}, headers=headers) for _ in range(2)))
    assert one.json() == two.json()
    other = await api.post(CARDS, json={"code": (await issued(database)).code}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert card.code not in "".join(await rows(database))


async def test_a_card_opens_a_cart(api: Api, database: Database) -> None:
    """Given nobody's cart yet, then a card begins one in its currency; a signed-in buyer's is theirs."""
    card = await issued(database, 500, currency="eur")
    answer = await api.post(CARDS, json={"code": card.code})
    assert (answer.status_code, answer.json()["currency"]) == (201, "eur")
    assert (answer.json()["totals"]["credit"], answer.json()["gift_cards"][0]["applied"]) == (
        money(0, "eur"), money(0, "eur"),
    )  # fmt: skip
    again = await api.get(CART, headers={"Cart-Token": answer.json()["cart_token"]})
    assert again.json() == answer.json()

    ada = await api.sign_in()
    mine = await api.post(CARDS, json={"code": card.code}, headers=ada)
    assert mine.json()["cart_token"] is None
    assert (await api.get(CART, headers=ada)).json()["gift_cards"] == mine.json()["gift_cards"]


async def test_a_card_that_expired_in_the_cart_pays_nothing(
    api: Api, database: Database, buyer: dict[str, str]
) -> None:
    """Given a card in a cart, when it expires, then the cart says so and counts nothing; archived, it is gone."""
    card = await issued(database)
    await api.post(CARDS, json={"code": card.code}, headers=buyer)
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE credit_accounts SET expires_at = now()")
    cart = (await api.get(CART, headers=buyer)).json()
    [shown] = cart["gift_cards"]
    assert (shown["expired"], shown["balance"], shown["applied"]) == (True, money(600), money(0))
    assert cart["totals"]["due"] == money(1000)
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE credit_accounts SET archived_at = now()")
    assert (await api.get(CART, headers=buyer)).json()["gift_cards"] == []


@pytest.mark.parametrize("signed_in", [True, False])
async def test_refused_and_nothing_moved(api: Api, database: Database, buyer: dict[str, str], signed_in: bool) -> None:
    """Given each reason, then its code, the same for never issued and archived; no row changes."""
    if signed_in:
        buyer = await api.sign_in()
        await api.post("/api/v1/cart/items", json={"sku": "TEA", "quantity": 1}, headers=buyer)
    gone, empty = await issued(database), await issued(database)
    expired = await issued(database, expires_at=clock.now() - timedelta(seconds=1))
    euros = await issued(database, 500, currency="eur")
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE credit_accounts SET archived_at = now() WHERE id = $1", (gone.id,))
        await writer.exec_driver_sql("UPDATE credit_accounts SET balance = 0 WHERE id = $1", (empty.id,))
    before = await rows(database)
    answers, said = [], []
    for code in ("K7QM-2XNF-9TRA-HWPD", gone.code, expired.code, empty.code, euros.code):
        answer = await api.post(CARDS, json={"code": code}, headers={**buyer, "Idempotency-Key": "k"})
        answers.append((answer.status_code, answer.json()["code"]))
        said.append(answer.json())
    assert answers == [
        (422, "gift_card_unknown"), (422, "gift_card_unknown"), (409, "gift_card_expired"), (409, "gift_card_empty"),
        (409, "currency_mismatch"),
    ]  # fmt: skip
    assert said[0] == said[1]
    assert await rows(database) == before


@pytest.mark.parametrize("code", ["", " " * 41, "A" * 10_000, "ünïcødé", "\x00", "A\nB", "'; --", "🎁", 7, None])
async def test_what_is_no_code(api: Api, database: Database, buyer: dict[str, str], code: Any) -> None:
    """Given anything else, then 422, and nothing is looked for."""
    answer = await api.post(CARDS, json={"code": code}, headers=buyer)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/code")


async def test_a_sixth_card_is_refused(api: Api, database: Database, buyer: dict[str, str]) -> None:
    """Given five cards, then another is refused, and taking one out makes room."""
    cards = [await issued(database, 1) for _ in range(6)]
    for card in cards[:5]:
        await api.post(CARDS, json={"code": card.code}, headers=buyer)
    full = await api.post(CARDS, json={"code": cards[5].code}, headers=buyer)
    assert (full.status_code, full.json()["code"], full.json()["facts"]) == (422, "cart_full", {"most": 5})
    await api.delete(f"{CARDS}/{cards[0].id}", headers=buyer)
    assert (await api.post(CARDS, json={"code": cards[5].code}, headers=buyer)).status_code == 201


async def test_other_peoples_carts_keep_their_cards(api: Api, database: Database, buyer: dict[str, str]) -> None:
    """Given a card in somebody's cart, then others can neither take it out nor learn that it is there."""
    card = await issued(database)
    await api.post(CARDS, json={"code": card.code}, headers=buyer)
    for headers in ({}, await api.shopper("TEA"), await api.sign_in()):
        for identity in (card.id, new_id()):
            answer = await api.delete(f"{CARDS}/{identity}", headers=headers)
            assert (answer.status_code, answer.json()["gift_cards"]) == (200, [])
    assert len((await api.get(CART, headers=buyer)).json()["gift_cards"]) == 1


async def test_guessing_is_slow(start_api: StartApi, database: Database) -> None:
    """Given two tries a day from one address, then the third is told to wait, whatever it tries; carts go on."""
    api = await start_api(RATE_LIMIT_GIFT_CARD="2/day")
    card = await issued(database)
    seen = [(await api.post(CARDS, json={"code": code})).status_code for code in ("AAAA", "BBBB", card.code)]
    assert seen == [422, 422, 429]
    assert (await api.get(CART)).status_code == 200

"""Cards that a buyer keeps: saved, shown, paid with, removed; at the bank, at checkout, and never another's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from dev.stripe.remote import SimulatorControl
from models.ids import UserId
from tests import people
from tests.books import Books
from tests.premises import House, Shopper, served

KEY = {"Authorization": "Bearer sk_test_holdfast"}


class Keeper(Shopper):
    """A buyer who is signed in and keeps cards."""

    def __init__(self, house: House, client: httpx.AsyncClient, user: UserId, provider: SimulatorControl) -> None:
        super().__init__(house, client)
        self.user = user
        self.provider = provider

    async def save(self, method: str | None = "pm_card_visa", key: str | None = None, **more: Any) -> httpx.Response:
        """Ask for a card to be kept."""
        body = {"payment_method": method, **more} if method else more
        return await self.http.post("/payment-methods", json=body, headers={"Idempotency-Key": key} if key else {})

    async def saved(self, method: str = "pm_card_visa", **more: Any) -> str:
        """A kept card; its id."""
        answer = await self.save(method, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def cards(self) -> list[dict[str, Any]]:
        """What the account sees."""
        answer = await self.http.get("/payment-methods")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["total"], found["next_cursor"]) == (len(found["items"]), None)
        items: list[dict[str, Any]] = found["items"]
        return items

    async def cards_when(self, count: int, within: float = 50) -> list[dict[str, Any]]:
        """The cards as soon as there are so many: before our own first look at the provider, a minute later."""
        with anyio.fail_after(within):
            while len(found := await self.cards()) != count:
                await anyio.sleep(0.05)
        return found

    async def kept(self) -> list[str]:
        """What the provider keeps for the account."""
        found: list[str] = []
        query = {"query": f"metadata['user']:'{self.user}'"}
        for customer in (await self._ask("/v1/customers/search", query))["data"]:
            methods = await self._ask("/v1/payment_methods", {"customer": customer["id"]})
            found += [each["id"] for each in methods["data"]]
        return found

    async def kept_when(self, cards: list[str], within: float = 60) -> None:
        """Wait until the provider keeps exactly these."""
        with anyio.fail_after(within):
            while sorted(await self.kept()) != sorted(cards):
                await anyio.sleep(0.05)

    async def buy_with(self, sku: str, method: str | None, *, save: bool | None = None) -> httpx.Response:
        """Cart, quote and checkout, paid like this."""
        await self.put(sku)
        form = self.order_form(await self.quote(), method)
        if save is not None:
            form["payment"]["save"] = save
        return await self.check_out(form)

    async def _ask(self, path: str, params: dict[str, str]) -> Any:
        answer = await self.provider.http.get(path, params=params, headers=KEY)
        answer.raise_for_status()
        return answer.json()


async def keeper(house: House, books: Books, provider: SimulatorControl) -> Keeper:
    """Somebody new, signed in."""
    async with books.database.writing() as writer:
        user = await people.account(writer)
        headers = await people.signed_in(writer, house.environment["SECRET_KEY"].encode(), user=user)
    return Keeper(house, house.client(**headers), user, provider)


@pytest.fixture
async def ada(house: House, books: Books, provider: SimulatorControl) -> AsyncIterator[Keeper]:
    """A buyer with an account."""
    found = await keeper(house, books, provider)
    yield found
    await found.http.aclose()


@pytest.fixture
async def bob(house: House, books: Books, provider: SimulatorControl) -> AsyncIterator[Keeper]:
    """Another one."""
    found = await keeper(house, books, provider)
    yield found
    await found.http.aclose()


def declined(answer: httpx.Response) -> tuple[int, str, str]:
    """(status, code, why) of a refused payment."""
    problem = answer.json()
    return answer.status_code, problem["code"], problem["facts"]["decline_code"]


async def test_a_card_is_saved_shown_paid_with_and_removed(house: House, ada: Keeper, books: Books) -> None:
    """Brand, last digits, expiry, and no number; it pays again and again until it is removed, and then never."""
    sku = await house.stock(5)

    answer = await ada.save("pm_card_mastercard")

    card = answer.json()
    assert (answer.status_code, set(card)) == (
        201, {"id", "brand", "last4", "exp_month", "exp_year", "is_default", "created_at"},
    )  # fmt: skip
    assert (card["brand"], card["last4"], card["exp_month"], card["exp_year"]) == ("mastercard", "4444", 12, 2034)
    assert (card["is_default"], await ada.cards()) == (True, [card])
    for _ in range(2):
        bought = await ada.buy_with(sku, card["id"])
        assert (bought.status_code, bought.json()["payment"]["status"]) == (201, "authorized"), bought.text
        await ada.order_when(bought.json()["order"], "confirmed")
        assert await books.agree([bought.json()["order"]["number"]])
    assert await ada.kept() == [card["id"]]

    gone = await ada.http.delete(f"/payment-methods/{card['id']}")

    assert (gone.status_code, gone.content, await ada.cards()) == (204, b"", [])
    await ada.kept_when([])
    again = await ada.http.delete(f"/payment-methods/{card['id']}")
    assert (again.status_code, again.json()["code"]) == (404, "payment_method_not_found")
    refused = await ada.buy_with(sku, card["id"])
    assert declined(refused) == (402, "payment_declined", "payment_method_invalid")
    placed = refused.json()["facts"]["order"]
    assert (await ada.pay(placed, "pm_card_visa")).status_code == 200
    await ada.order_when(placed, "confirmed")


async def test_the_bank_is_asked_and_its_webhook_saves_the_card(ada: Keeper, books: Books) -> None:
    """3-D Secure: the answer carries the client secret; the signed webhook arrives, and only then the card is there."""
    answer = await ada.save("pm_card_authenticationRequired")
    asked = answer.json()
    assert (answer.status_code, asked["status"]) == (200, "action_required")
    setup = asked["client_secret"].partition("_secret_")[0]
    assert (setup.startswith("seti_"), await ada.cards()) == (True, [])

    await ada.provider.authenticate(setup)

    [card] = await ada.cards_when(1)
    assert (card["last4"], card["is_default"]) == ("3184", True)
    assert await ada.kept() == [card["id"]]
    await books.count()  # once it is noted what became of all news
    told = await books.database.fetch(
        "SELECT note FROM webhook_events WHERE workflow_id LIKE $1 AND type = 'setup_intent.succeeded'",
        f"payment-method/{ada.user}/%",
    )
    assert [row["note"] for row in told] == ["told the saving of a card"]


async def test_the_banks_page_in_a_browser(ada: Keeper) -> None:
    """The page that the bank shows says what it is about; who fails there has no card."""
    asked = (await ada.save("pm_card_authenticationRequired")).json()
    setup = asked["client_secret"].partition("_secret_")[0]
    page = await ada.provider.http.get(f"/_sim/3ds/{setup}")
    assert "saving your card" in page.text

    await ada.provider.http.post(f"/_sim/3ds/{setup}", data={"outcome": "failure"})

    status = (await ada.provider.http.get(f"/v1/setup_intents/{setup}", headers=KEY)).json()["status"]
    assert (status, await ada.cards(), await ada.kept()) == ("requires_payment_method", [], [])


async def test_without_a_card_the_browser_sends_it_to_the_provider(ada: Keeper) -> None:
    """The shop sees no card at all: the client secret lets Stripe.js send it; a bad one, then a good one."""
    answer = await ada.save(None)
    asked = answer.json()
    assert (answer.status_code, asked["status"]) == (200, "method_required")
    setup = asked["client_secret"].partition("_secret_")[0]

    sent = [
        (await ada.provider.http.post(f"/v1/setup_intents/{setup}/confirm", data={"payment_method": card}, headers=KEY))
        for card in ("pm_card_chargeDeclined", "pm_card_amex")
    ]

    assert [each.status_code for each in sent] == [402, 200]
    [card] = await ada.cards_when(1)
    assert (card["brand"], await ada.kept()) == ("amex", [card["id"]])


async def test_a_declined_card_says_why_and_is_not_kept(ada: Keeper) -> None:
    """402 with the bank's reason; the next one is saved."""
    answer = await ada.save("pm_card_chargeDeclinedInsufficientFunds")

    assert declined(answer) == (402, "payment_declined", "insufficient_funds")
    assert answer.json()["detail"] == "Your card has insufficient funds."
    assert (await ada.cards(), await ada.kept()) == ([], [])
    assert declined(await ada.save("pm_card_nonsense")) == (402, "payment_declined", "payment_method_invalid")
    await ada.saved()
    assert len(await ada.cards()) == 1


async def test_another_account_neither_sees_nor_uses_a_card(
    house: House, ada: Keeper, bob: Keeper, shopper: Shopper, books: Books
) -> None:
    """Not in the list, not there to remove or choose; paying or saving with it is a decline, and nothing moves."""
    sku = await house.stock(5)
    mine, his = await ada.saved(), await bob.saved("pm_card_mastercard")

    assert [card["id"] for card in await bob.cards()] == [his]
    for answer in (
        await bob.http.delete(f"/payment-methods/{mine}"),
        await bob.http.post(f"/payment-methods/{mine}/default"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "payment_method_not_found")
    assert declined(await bob.save(mine)) == (402, "payment_declined", "payment_method_invalid")
    placed = []
    for thief in (bob, shopper):
        refused = await thief.buy(sku, 1, mine)
        assert declined(refused) == (402, "payment_declined", "payment_method_invalid")
        placed.append(refused.json()["facts"]["order"])
        moved = [(each["authorized"], each["captured"]) for each in await books.intents(placed[-1]["number"])]
        assert moved in ([], [(0, 0)])
    assert [card["id"] for card in await ada.cards()] == [mine]
    assert await ada.kept() == [mine]
    for thief, order in zip((bob, shopper), placed, strict=True):
        assert (await thief.pay(order, "pm_card_visa")).status_code == 200


async def test_which_card_is_offered_first(ada: Keeper) -> None:
    """The first one; another when that is asked for, at once or later; the newest when the default is removed."""
    first, second = await ada.saved(), await ada.saved("pm_card_mastercard")
    third = await ada.saved("pm_card_amex", set_default=True)
    assert [card["id"] for card in await ada.cards()] == [third, second, first]

    key = {"Idempotency-Key": uuid4().hex}
    chosen = [await ada.http.post(f"/payment-methods/{first}/default", headers=key) for _ in range(2)]

    assert [(each.status_code, each.json()["id"], each.json()["is_default"]) for each in chosen] == [
        (200, first, True)
    ] * 2
    assert [(card["id"], card["is_default"]) for card in await ada.cards()] == [
        (first, True), (third, False), (second, False),
    ]  # fmt: skip
    await ada.http.delete(f"/payment-methods/{first}")
    assert [(card["id"], card["is_default"]) for card in await ada.cards()] == [(third, True), (second, False)]


async def test_the_default_is_never_charged_unasked(house: House, ada: Keeper, books: Books) -> None:
    """A checkout that names no card waits for one, whatever the account keeps."""
    await ada.saved()

    bought = await ada.buy_with(await house.stock(5), None)

    assert (bought.status_code, bought.json()["payment"]["status"]) == (201, "method_required")
    [intent] = await books.intents(bought.json()["order"]["number"])
    assert (intent["status"], intent["authorized"]) == ("requires_payment_method", 0)
    assert (await ada.cancel(bought.json()["order"])).status_code == 200


async def test_the_card_that_pays_is_saved_when_its_buyer_wants_it(house: House, ada: Keeper, books: Books) -> None:
    """Saved with the order, it pays the next one; a card that is not to be saved is not."""
    sku = await house.stock(5)

    bought = await ada.buy_with(sku, "pm_card_mastercard", save=True)

    assert (bought.status_code, bought.json()["payment"]["status"]) == (201, "authorized"), bought.text
    [card] = await ada.cards()
    assert (card["brand"], card["last4"], card["is_default"]) == ("mastercard", "4444", True)
    assert await ada.kept() == [card["id"]]
    again = await ada.buy_with(sku, card["id"])
    assert again.status_code == 201
    other = await ada.buy_with(sku, "pm_card_visa", save=False)
    assert other.status_code == 201
    assert (await ada.cards(), await ada.kept()) == ([card], [card["id"]])
    numbers = [each.json()["order"]["number"] for each in (bought, again, other)]
    for each in (bought, again, other):
        await ada.order_when(each.json()["order"], "confirmed")
    assert set((await books.agree(numbers)).values()) == {"confirmed"}


async def test_cards_saved_at_the_bank_and_at_the_second_try(house: House, ada: Keeper, books: Books) -> None:
    """3-D Secure at checkout saves the card when the bank agrees; a declined one is not saved, the one that pays is."""
    sku = await house.stock(5)
    asked = await ada.buy_with(sku, "pm_card_authenticationRequired", save=True)
    placed = asked.json()["order"]
    assert (asked.json()["payment"]["status"], await ada.cards()) == ("action_required", [])
    [intent] = await books.intents(placed["number"])

    await ada.provider.authenticate(intent["payment_intent"])

    await ada.order_when(placed, "confirmed", within=50)
    [card] = await ada.cards()
    assert card["last4"] == "3184"
    bad = await ada.buy_with(sku, "pm_card_chargeDeclined", save=True)
    refused = bad.json()["facts"]["order"]
    assert len(await ada.cards()) == 1
    body = {"payment": {"payment_method": "pm_card_amex", "save": True}}
    paid = await ada.http.post(f"/orders/{refused['number']}/pay", json=body)
    assert paid.status_code == 200, paid.text
    await ada.order_when(refused, "confirmed")
    assert [each["brand"] for each in await ada.cards()] == ["visa", "amex"]
    assert sorted(await ada.kept()) == sorted(each["id"] for each in await ada.cards())


async def test_who_is_not_signed_in_saves_no_card(house: House, shopper: Shopper, books: Books) -> None:
    """422 that names the field, at checkout and at the second try; nothing is placed or charged."""
    sku = await house.stock(5)
    await shopper.put(sku)
    form = shopper.order_form(await shopper.quote())
    before = await books.count()
    form["payment"]["save"] = True

    answer = await shopper.check_out(form)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/payment/save")
    assert await books.count() == before
    waiting = await shopper.buy(sku, 1, "pm_card_chargeDeclined")
    placed = waiting.json()["facts"]["order"]
    body = {"payment": {"payment_method": "pm_card_visa", "save": True}}
    headers = {"Order-Token": placed["order_token"]}
    later = await shopper.http.post(f"/orders/{placed['number']}/pay", json=body, headers=headers)
    assert (later.status_code, later.json()["errors"][0]["pointer"]) == (422, "/payment/save")
    assert (await shopper.order(placed))["payment_status"] == "failed"


async def test_one_request_sent_five_times_saves_one_card(ada: Keeper) -> None:
    """One key: equal answers, one card; the key with another body is refused."""
    key = uuid4().hex

    answers = await asyncio.gather(*(ada.save(key=key) for _ in range(5)))

    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert (await ada.save(key=key)).text == answers[0].text
    other = await ada.save("pm_card_amex", key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await ada.cards() == [answers[0].json()]
    assert await ada.kept() == [answers[0].json()["id"]]


async def test_five_tabs_save_five_cards_of_one_customer(ada: Keeper) -> None:
    """The first five at once, without a key: one customer, one default."""
    answers = await asyncio.gather(*(ada.save() for _ in range(5)))

    assert [answer.status_code for answer in answers] == [201] * 5
    assert sorted(card["is_default"] for card in await ada.cards()) == [False] * 4 + [True]
    assert sorted(await ada.kept()) == sorted(answer.json()["id"] for answer in answers)


async def test_a_provider_that_is_slow_or_loses_its_answer(ada: Keeper, hasty: str) -> None:
    """202 while it is not known, 201 when the same request comes again; there is one card."""
    await ada.provider.fault("latency", method="POST", path="/v1/setup_intents", seconds=60)
    key, ada.http.base_url = uuid4().hex, httpx.URL(hasty)

    begun = await served(lambda: ada.save(key=key))

    assert (begun.status_code, begun.json()["status"]) == (202, "pending")
    await ada.provider.clear()
    [card] = await ada.cards_when(1, within=60)
    later = await ada.save(key=key)
    assert (later.status_code, later.json()) == (201, card)
    assert await ada.kept() == [card["id"]]


async def test_a_provider_that_is_away_holds_up_no_removal(ada: Keeper) -> None:
    """204 at once; the provider lets the card go when it is back."""
    card = await ada.saved()
    await ada.provider.fault("error_before", status=503, path="/v1/payment_methods/*/detach", times=3)

    gone = await ada.http.delete(f"/payment-methods/{card}")

    assert (gone.status_code, await ada.cards()) == (204, [])
    await ada.kept_when([])


async def test_a_card_is_kept_from_stripes_page(house: House, ada: Keeper) -> None:
    """Paid on Stripe's page with `save`: the card that was used there is kept, and pays again in the shop."""
    sku = await house.stock(5)
    await ada.put(sku)
    form = ada.order_form(await ada.quote(), payment={"provider": "stripe", "hosted": True, "save": True})
    answer = await ada.check_out(form)
    assert answer.status_code == 201, answer.text
    page = answer.json()["payment"]["redirect_url"].rpartition("/")[2]

    await ada.provider.pay(page, "pm_card_mastercard")

    await ada.order_when(answer.json()["order"], "confirmed")
    [card] = await ada.cards_when(1)
    assert (card["brand"], await ada.kept()) == ("mastercard", [card["id"]])
    again = await ada.buy_with(sku, card["id"])
    assert (again.status_code, again.json()["payment"]["status"]) == (201, "authorized"), again.text

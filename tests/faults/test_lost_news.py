"""A provider that drops, doubles and reorders its webhooks: one reconciliation, and both sides tell the same, counted
apart.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from dev import postgres
from dev.stack import embedded
from dev.stripe.remote import SimulatorControl
from models.payment import CHAPA, STRIPE
from models.tables import case as cases
from models.tables import credit, inventory, refund_end
from tests.books import Books
from tests.desk import Clerk
from tests.premises import House, Shopper, open_house, own_redis
from workflows.patience import ORDERS
from workflows.reconcile import Reconcile, ReconcileOutcome, Reconciling

ORDERS_OF_EACH = 16
BAD_NEWS = {"lose": 0.3, "double": 0.3, "reorder": True}
AT_ONCE = 6
WAYS = ("pm_card_visa", "pm_card_authenticationRequired", "pm_card_pendingRefund", CHAPA)
"""To pay."""
KEY = {"Authorization": "Bearer sk_test_dashboard"}


@pytest.fixture(scope="module")
def house(parts: dict[str, str], worker_name: str) -> Iterator[House]:
    """A shop of its own, whose providers know of nobody else's orders."""
    url = postgres.fresh_database(parts["DATABASE_URL"])
    given = {
        **parts, "DATABASE_URL": url, "REDIS_URL": own_redis(parts, worker_name, 40),
        "TEMPORAL_NAMESPACE": f"news-{worker_name}", "CHECKOUT_ANSWER_BUDGET": "30",
    }  # fmt: skip
    open_house(url)
    with embedded({"stripe", "chapa", "mail", "worker", "api"}, given=given) as stack:
        for provider in ("stripe", "chapa"):
            httpx.post(f"{stack.urls[provider]}/_sim/webhooks", json=BAD_NEWS).raise_for_status()
        yield House(stack, url)
    postgres.drop_database(url)


@pytest.fixture
async def provider(house: House) -> AsyncIterator[SimulatorControl]:
    """As unreliable as ordered."""
    async with house.stripe() as control:
        yield control


class Crowd:
    """Buyers, staff and banks, all of whom do what they do, whoever hears of it."""

    def __init__(self, house: House, provider: SimulatorControl, clerk: Clerk) -> None:
        self.house = house
        self.provider = provider
        self.clerk = clerk
        self.done: Counter[str] = Counter()

    async def pays(self, n: int, shopper: Shopper) -> dict[str, Any]:
        """Somebody buys one thing, in one of two currencies, with one of three cards or on a page of the other's."""
        currency = ("usd", "eur")[n // len(WAYS) % 2]
        sku = await self.house.stock(2, {"usd": 1000, "eur": 900})
        way = WAYS[n % len(WAYS)]
        await shopper.put(sku, 1, currency="usd" if way == CHAPA else currency)
        total = await shopper.quote()
        if way == CHAPA:
            form = shopper.order_form(total, payment={"provider": CHAPA, "return_url": "https://shop.example/"})
        else:
            form = shopper.order_form(total, way)
        answer = await shopper.check_out(form, str(uuid4()))
        assert answer.status_code == 201, answer.text
        placed: dict[str, Any] = {**answer.json()["order"], "way": way}
        if way == CHAPA:
            async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
                await browser.post(answer.json()["payment"]["redirect_url"], data={"outcome": "success"})
        elif way == "pm_card_authenticationRequired":
            [intent] = await self.provider.ledger(order=placed["number"])
            await self.provider.authenticate(intent["payment_intent"])
        self.done[way] += 1
        return placed

    async def regrets(self, n: int, placed: dict[str, Any], shopper: Shopper) -> None:
        """Of what is paid at once, a third is refunded in part and a third disputed; some banks think again later."""
        if placed["way"] in (CHAPA, "pm_card_authenticationRequired"):
            return
        nth = n // len(WAYS)
        await shopper.order_when(placed, "confirmed")
        [intent] = await self.provider.ledger(order=placed["number"])
        if nth % 3 == 0:
            amount = {"amount": 100 + n, "currency": intent["currency"]}
            answer = await self.clerk.do(placed["number"], "refund", str(uuid4()), reason="late", amount=amount)
            assert answer.status_code in (201, 202), answer.text
            self.done["refunded"] += 1
            await self.bank_thinks_again(placed["way"], nth, intent["payment_intent"])
        elif nth % 3 == 1:
            dispute = await self.provider.dispute(intent["payment_intent"])
            self.done["disputed"] += 1
            if nth % 2:
                await self.provider.close_dispute(dispute["id"], "won" if nth // 2 % 2 else "lost")
                self.done["decided"] += 1

    async def bank_thinks_again(self, way: str, nth: int, intent: str) -> None:
        """A pending refund arrives or does not; one that had arrived comes back."""
        listed = await self.provider.http.get("/v1/refunds", params={"payment_intent": intent}, headers=KEY)
        [refund] = listed.raise_for_status().json()["data"]
        if way == "pm_card_pendingRefund":
            await self.provider.refund_becomes(refund["id"], "succeeded" if nth // 3 % 2 else "failed")
            self.done["told later"] += 1
        elif nth % 2 == 0:
            await self.provider.refund_becomes(refund["id"], "failed")
            self.done["came back"] += 1


async def counted_there(house: House, provider: SimulatorControl) -> dict[str, dict[str, int]]:
    """What the shop has at each provider by its objects, by currency: taken, less what went back or was disputed."""
    sums: dict[str, Counter[str]] = {STRIPE: Counter(), CHAPA: Counter()}
    worth: dict[str, Callable[[dict[str, Any]], int]] = {
        "payment_intents": lambda each: int(each["amount_received"]),
        "refunds": lambda each: -int(each["amount"]) if each["status"] == "succeeded" else 0,
        "disputes": lambda each: sum(moved["net"] for moved in each["balance_transactions"]),
    }
    for path, amount in worth.items():
        after: dict[str, str] = {}
        while True:
            page = await provider.http.get(f"/v1/{path}", params={"limit": "100", **after}, headers=KEY)
            found = page.raise_for_status().json()
            for each in found["data"]:
                sums[STRIPE][each["currency"]] += amount(each)
            if not found["has_more"]:
                break
            after = {"starting_after": found["data"][-1]["id"]}
    async with house.chapa() as chapa:
        for line in await chapa.ledger():
            kept = Decimal(line["paid"]) - Decimal(line["refunded"])
            sums[CHAPA][line["currency"].lower()] += int(kept * 100)
    return {name: dict(each) for name, each in sums.items()}


async def counted_here(books: Books) -> dict[str, dict[str, int]]:
    """The same by our ledger of money."""
    rows = await books.database.fetch(
        "SELECT substr(account, 10) AS provider, currency, sum(amount)::bigint AS amount FROM money_entries "
        "WHERE account LIKE 'provider:%' GROUP BY 1, 2"
    )
    found: dict[str, dict[str, int]] = {STRIPE: {}, CHAPA: {}}
    for row in rows:
        found[row["provider"]][row["currency"]] = row["amount"]
    return found


async def test_after_one_reconciliation_nothing_differs(
    house: House, provider: SimulatorControl, books: Books, record_property: Callable[[str, object], None]
) -> None:
    """Given 64 orders of two providers, refunds and disputes whose news are lost, doubled and out of order.

    Then after one run the drift is 0, every order that was paid is confirmed, and what is booked here is, by provider
    and currency, what the providers' own objects add up to.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async with house.client() as client:
        crowd = Crowd(house, provider, await Clerk.hire(house, client))

        async def one(n: int) -> str:
            async with gate, house.client() as buyer:
                shopper = Shopper(house, buyer)
                placed = await crowd.pays(n, shopper)
                await crowd.regrets(n, placed, shopper)
            return str(placed["number"])

        numbers = await asyncio.gather(*(one(n) for n in range(len(WAYS) * ORDERS_OF_EACH)))
    with anyio.fail_after(180):
        while any(each["status"] == "pending" for each in await provider.deliveries()):
            await anyio.sleep(0.1)
    lost = sum(each["status"] == "lost" for each in await provider.deliveries())
    assert lost >= 5  # of a hundred
    assert crowd.done == {
        **dict.fromkeys(WAYS, ORDERS_OF_EACH), "refunded": 12, "told later": 6, "came back": 3, "disputed": 10,
        "decided": 6,
    }  # fmt: skip

    temporal = await house.temporal()
    outcome: ReconcileOutcome = await asyncio.wait_for(
        temporal.execute_workflow(
            Reconcile.run, Reconciling(timedelta(days=1), (STRIPE, CHAPA), timedelta(minutes=2)),
            id=f"reconcile-{uuid4()}", task_queue=ORDERS,
        ),
        240,
    )  # fmt: skip

    assert outcome.drift == 0, await cases.listed(books.database, 20, True, None)
    orders = await books.orders(numbers)
    assert {order["status"] for order in orders.values()} == {"confirmed"}
    assert await counted_here(books) == await counted_there(house, provider)
    async with books.database.reading() as reader:
        assert await refund_end.drift(reader) == []
        assert await credit.drift(reader) == []
        assert await inventory.drift(reader) == []
    record_property(
        "measured",
        f"reconciliation: {outcome.looked} objects of {len(numbers)} orders, {lost} news lost, "
        f"{outcome.mended} mended, drift {outcome.drift}",
    )

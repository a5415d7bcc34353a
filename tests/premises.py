"""The whole house over HTTP, as a shopper's client sees it: a few verbs so that a journey reads as a story."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

import anyio
import httpx
from temporalio.client import Client

from dev.chapa.remote import ChapaControl
from dev.stack import Stack
from dev.stripe.remote import SimulatorControl
from models import wire
from models.database import Database
from models.sealing import Keyring, keyring
from tests import shop

NEW_YORK = {
    "full_name": "Ada Lovelace", "line1": "1 Main St", "city": "New York", "postal_code": "10001", "country": "US",
    "region": "NY",
}  # fmt: skip
BERLIN = {
    "full_name": "Grace Hopper", "line1": "Chausseestr. 1", "city": "Berlin", "postal_code": "10115", "country": "DE",
}  # fmt: skip
TOKYO = {
    "full_name": "Katherine Johnson", "line1": "1-1 Chiyoda", "city": "Tokyo", "postal_code": "100-0001",
    "country": "JP",
}  # fmt: skip


def open_house(database_url: str) -> None:
    """Write what every shop of the tests has into a migrated database."""

    async def write() -> None:
        database = Database(database_url)
        async with database.writing() as writer:
            await shop.open_shop(writer)
        await database.close()

    asyncio.run(write())


def own_redis(parts: dict[str, str], worker_name: str, first: int) -> str:
    """A Redis database of one test process: what is kept there is of one Postgres database, and given for seconds.

    `first` of eight: the house has 0, tests/api 8, tests/fuzz 16, the sample shop 24, workflows in this process 32,
    the shop whose news are lost 40, the traced one 48.
    """
    number = first + int(worker_name.removeprefix("gw") if worker_name.startswith("gw") else 0) % 8
    return parts["REDIS_URL"].rpartition("/")[0] + f"/{number}"


class House:
    """A running shop and the keys to all its rooms."""

    def __init__(self, stack: Stack, database_url: str) -> None:
        self.stack = stack
        self.environment = stack.environment()
        self.database_url = database_url
        self.api = stack.urls["api"] + "/api/v1"
        self.root = stack.urls["api"]

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A shopper's connection."""
        return httpx.AsyncClient(base_url=self.api, headers=headers, timeout=60)

    def database(self) -> Database:
        """The doors to the shop's rows; close it."""
        return Database(self.database_url)

    def stripe(self) -> SimulatorControl:
        """The payment provider's controls; close it."""
        return SimulatorControl(self.stack.urls["stripe"])

    def chapa(self) -> ChapaControl:
        """The other payment provider's controls; close it."""
        return ChapaControl(self.stack.urls["chapa"])

    @property
    def payload_keys(self) -> Keyring:
        """What its API and worker seal with."""
        keys = keyring(self.environment.get("PAYLOAD_KEYS"), self.environment["SECRET_KEY"].encode())
        assert keys is not None
        return keys

    async def temporal(self) -> Client:
        """A client of the shop's namespace."""
        return await Client.connect(
            self.environment["TEMPORAL_ADDRESS"],
            namespace=self.environment["TEMPORAL_NAMESPACE"],
            plugins=[wire.plugin(self.payload_keys)],
        )

    async def stock(self, units: int, price: Mapping[str, int] | None = None) -> str:
        """Goods of this test alone; their SKU."""
        sku = f"T-{uuid4().hex[:12]}".upper()
        database = self.database()
        async with database.writing() as writer:
            await shop.stock_product(writer, sku, units, price)
        await database.close()
        return sku

    async def letters(self, number: str) -> list[dict[str, Any]]:
        """Mails about one order that have arrived so far, oldest first."""
        async with httpx.AsyncClient(base_url=self.stack.urls["mails"], timeout=60) as client:
            found = (await client.get("/messages")).json()["items"]
            about = [letter["id"] for letter in found if number in letter["subject"]]
            return [(await client.get(f"/messages/{identity}")).json() for identity in about]

    async def letters_to(self, address: str, subject: str | None = None) -> list[dict[str, Any]]:
        """Mails to one address that have arrived so far, oldest first; only those with this subject."""
        async with httpx.AsyncClient(base_url=self.stack.urls["mails"], timeout=60) as client:
            found = (await client.get("/messages", params={"to": address})).json()["items"]
            wanted = [letter["id"] for letter in found if subject in (None, letter["subject"])]
            return [(await client.get(f"/messages/{identity}")).json() for identity in wanted]

    async def letter_when(self, address: str, subject: str, within: float = 60) -> dict[str, Any]:
        """The one mail with this subject to this address, as soon as it is there."""
        with anyio.fail_after(within):
            while True:
                if found := await self.letters_to(address, subject):
                    assert len(found) == 1, found
                    return found[0]
                await anyio.sleep(0.1)

    async def mail_server(self, mode: str) -> None:
        """How it behaves from now on: `ok`, or `refuse` what it is sent."""
        async with httpx.AsyncClient(base_url=self.stack.urls["mails"], timeout=60) as client:
            (await client.post("/_sim/faults", json={"mode": mode})).raise_for_status()

    async def letters_when(self, number: str, count: int, within: float = 60) -> list[dict[str, Any]]:
        """Mails about one order as soon as there are `count`."""
        with anyio.fail_after(within):
            while len(found := await self.letters(number)) < count:
                await anyio.sleep(0.1)
        return found


async def served(ask: Callable[[], Awaitable[httpx.Response]], within: float = 120) -> httpx.Response:
    """The answer; asked again, as 503 wants, when the machine was too busy for it."""
    with anyio.fail_after(within):
        while (answer := await ask()).status_code == 503:
            await anyio.sleep(float(answer.headers["Retry-After"]))
    return answer


class Shopper:
    """One buyer with one cart; one of a crowd, which finds the shop full, asks again."""

    def __init__(self, house: House, client: httpx.AsyncClient, *, of_a_crowd: bool = False) -> None:
        self.house = house
        self.http = client
        self._of_a_crowd = of_a_crowd
        self.cart_token = ""

    async def put(self, sku: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
        """Put goods into the cart."""
        headers = {"Cart-Token": self.cart_token} if self.cart_token else {}
        body = {"sku": sku, "quantity": quantity, **more}
        answer = await self._post("/cart/items", body, headers)
        assert answer.status_code == 201, answer.text
        cart: dict[str, Any] = answer.json()
        self.cart_token = cart["cart_token"] or ""
        return cart

    async def add_coupon(self, code: str) -> dict[str, Any]:
        """Put a coupon on the cart."""
        headers = {"Cart-Token": self.cart_token}
        answer = await self._post("/cart/coupon", {"code": code}, headers)
        assert answer.status_code == 200, answer.text
        cart: dict[str, Any] = answer.json()
        return cart

    async def quote(self, address: Mapping[str, str] = NEW_YORK) -> dict[str, Any]:
        """The total, shipped by the cheapest method."""
        body, headers = {"shipping_address": address}, {"Cart-Token": self.cart_token}
        answer = await self._post("/checkout/quote", body, headers)
        assert answer.status_code == 200, answer.text
        quoted: dict[str, Any] = answer.json()["totals"]["total"]
        return quoted

    async def _post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        def ask() -> Awaitable[httpx.Response]:
            return self.http.post(path, json=body, headers=headers)

        return await (served(ask) if self._of_a_crowd else ask())

    def order_form(
        self, total: Mapping[str, Any], method: str | None = "pm_card_visa", **changes: Any
    ) -> dict[str, Any]:
        """The body of a checkout."""
        payment: dict[str, Any] = {"provider": "stripe"}
        if method:
            payment["payment_method"] = method
        return {
            "email": "ada@example.com", "shipping_address": NEW_YORK, "shipping_method": "standard",
            "expected_total": total, "payment": payment, **changes,
        }  # fmt: skip

    async def check_out(self, form: Mapping[str, Any], key: str | None = None) -> httpx.Response:
        """Send the checkout."""
        headers = {"Cart-Token": self.cart_token, **({"Idempotency-Key": key} if key else {})}
        return await self.http.post("/checkout", json=form, headers=headers)

    async def buy(self, sku: str, quantity: int = 1, method: str | None = "pm_card_visa") -> httpx.Response:
        """Cart, quote and checkout in one go."""
        await self.put(sku, quantity)
        return await self.check_out(self.order_form(await self.quote(), method))

    async def order(self, placed: Mapping[str, Any]) -> dict[str, Any]:
        """The order as its buyer sees it now."""
        headers = {"Order-Token": placed["order_token"]}
        answer = await self.http.get(f"/orders/{placed['number']}", headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def pay(self, placed: Mapping[str, Any], method: str, key: str | None = None) -> httpx.Response:
        """Pay an order that waits with another card."""
        headers = {"Order-Token": placed["order_token"], **({"Idempotency-Key": key} if key else {})}
        body = {"payment": {"payment_method": method}}
        return await self.http.post(f"/orders/{placed['number']}/pay", json=body, headers=headers)

    async def cancel(self, placed: Mapping[str, Any], reason: str = "found it cheaper") -> httpx.Response:
        """Take an unpaid order back."""
        headers = {"Order-Token": placed["order_token"]}
        return await self.http.post(f"/orders/{placed['number']}/cancel", json={"reason": reason}, headers=headers)

    async def events(self, placed: Mapping[str, Any]) -> list[str]:
        """What happened to the order, oldest first."""
        headers = {"Order-Token": placed["order_token"]}
        answer = await self.http.get(f"/orders/{placed['number']}/events", headers=headers)
        assert answer.status_code == 200, answer.text
        return [event["type"] for event in answer.json()["items"]]

    async def cart(self) -> dict[str, Any]:
        """The cart as it is now."""
        answer = await self.http.get("/cart", headers={"Cart-Token": self.cart_token})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def order_when(self, placed: Mapping[str, Any], status: str, within: float = 60) -> dict[str, Any]:
        """The order as soon as it has `status`."""
        with anyio.fail_after(within):
            while (found := await self.order(placed))["status"] != status:
                await anyio.sleep(0.05)
        return found

    async def until_paid_back(self, placed: Mapping[str, Any], payment: str, within: float = 60) -> None:
        """Wait until what goes back of an order's money has gone: others count what is in the books."""
        with anyio.fail_after(within):
            while (await self.order(placed))["payment_status"] != payment:
                await anyio.sleep(0.05)

"""Money taken at shipment, over HTTP: a guest buys, staff take, send, cancel; what each is told and may do."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from temporalio.service import RPCError

from dev.stack import LIMITS_FAR_AWAY
from models.capture import Capture
from models.ids import OrderNumber
from models.order import OrderStatus
from models.roles import Role
from models.settings import WorkerSettings, api_settings
from tests import people, shop
from tests.api.conftest import Api, media, started
from tests.seals import PAYLOAD_KEYS
from tests.workflows.refunding import disagreements
from tests.workflows.shipping import FIRST
from tests.workflows.stories import TWO_MUGS, Shelf

__all__ = ["media"]

KEY = "0123456789abcdef0123456789abcdef"


class Desk:
    """An API in this process, staff who are signed in, and a guest's order of two mugs."""

    def __init__(self, api: Api, shelf: Shelf, staff: dict[str, str], order: dict[str, Any]) -> None:
        self.api = api
        self.shelf = shelf
        self.staff = staff
        self.order = order

    async def do(self, action: str, key: str | None = None, **body: Any) -> httpx.Response:
        """Staff ask for this."""
        headers = {**self.staff, **({"Idempotency-Key": key} if key else {})}
        path = f"/api/v1/admin/orders/{self.order['number']}/actions/{action}"
        return await self.api.post(path, json=body, headers=headers)

    async def seen(self) -> dict[str, Any]:
        """The order as its buyer sees it."""
        path = f"/api/v1/orders/{self.order['number']}"
        answer = await self.api.get(path, headers={"Order-Token": self.order["order_token"]})
        told: dict[str, Any] = answer.json()
        return told

    async def taken(self) -> tuple[int, int]:
        """What the provider took, and what it still reserves."""
        return await self.shelf.charged()


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """A shop that takes money at shipment."""
    return msgspec.structs.replace(settings, capture=Capture.AT_SHIPMENT)


@pytest.fixture
async def desk(shelf: Shelf, settings: WorkerSettings, media: Path) -> AsyncIterator[Desk]:
    """Two mugs, confirmed."""
    environment = {
        "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "SECRET_KEY": KEY,
        "TEMPORAL_ADDRESS": settings.temporal_address, "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        "PAYLOAD_KEYS": PAYLOAD_KEYS,
        "STRIPE_WEBHOOK_SECRET": "whsec_test", "MEDIA_DIR": str(media), "CHECKOUT_ANSWER_BUDGET": "30",
        **LIMITS_FAR_AWAY,
    }  # fmt: skip
    async with started(api_settings(environment)) as api:
        cart = (await api.post("/api/v1/cart/items", json={"sku": shelf.sku, "quantity": 2})).json()
        home = {name: value for name, value in msgspec.to_builtins(shop.NEW_YORK).items() if value is not None}
        answer = await api.post(
            "/api/v1/checkout",
            json={
                "email": "ada@example.com", "shipping_address": home, "shipping_method": "standard",
                "expected_total": {"amount": TWO_MUGS, "currency": "usd"},
                "payment": {"payment_method": "pm_card_visa"},
            },
            headers={"Cart-Token": cart["cart_token"]},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        async with shelf.flow.database.writing() as writer:
            staff = await people.signed_in(writer, KEY.encode(), Role.SUPPORT)
        told = answer.json()["order"]
        shelf.number = OrderNumber(told["number"])
        yield Desk(api, shelf, staff, told)
    for each in await shelf.flow.database.fetch("SELECT workflow_id FROM orders"):
        with suppress(RPCError):  # it is over
            await shelf.flow.client.get_workflow_handle(each["workflow_id"]).terminate("the test is over")


async def confirmed(desk: Desk) -> None:
    """Wait until it is."""
    [row] = await desk.shelf.flow.database.fetch("SELECT cart_id FROM orders WHERE number = $1", desk.shelf.number)
    await desk.shelf.flow.until(desk.shelf.flow.handle(row["cart_id"]), OrderStatus.CONFIRMED)


async def test_bought_sent_in_parts_and_paid(desk: Desk) -> None:
    """Given two parcels, then each is paid as it leaves; the buyer sees `authorized`, then `paid`."""
    await confirmed(desk)
    seen = await desk.seen()
    assert (seen["status"], seen["payment_status"], seen["can"]) == ("confirmed", "authorized", ["cancel"])
    assert await desk.taken() == (0, TWO_MUGS)

    part = await desk.do("ship", carrier="UPS", tracking="1Z", items=[{"sku": desk.shelf.sku, "quantity": 1}])

    assert part.status_code == 200, part.text
    assert (part.json()["status"], part.json()["payment_status"]) == ("processing", "authorized")
    assert await desk.taken() == (FIRST, TWO_MUGS - FIRST)
    rest = await desk.do("ship", carrier="UPS", tracking="2Z")
    assert (rest.json()["status"], rest.json()["payment_status"]) == ("shipped", "paid")
    assert await desk.taken() == (TWO_MUGS, 0)
    assert (await desk.seen())["can"] == ["return"]
    assert await disagreements(desk.shelf.flow) == []


async def test_staff_take_money_once_a_key(desk: Desk) -> None:
    """Given 20.00 asked for twice under one key, then they are taken once; nothing, too much and yen are refused."""
    await confirmed(desk)
    usd = {"currency": "usd"}
    for amount, status, code in (
        ({"amount": 0, **usd}, 422, "invalid"), ({"amount": -5, **usd}, 422, "invalid"),
        ({"amount": TWO_MUGS + 1, **usd}, 409, "capture_exceeds"),
        ({"amount": 100, "currency": "jpy"}, 409, "currency_mismatch"),
    ):  # fmt: skip
        no = await desk.do("capture", amount=amount)
        assert (no.status_code, no.json()["code"]) == (status, code), no.text
    assert await desk.taken() == (0, TWO_MUGS)

    for _ in range(2):
        some = await desk.do("capture", "once", amount={"amount": 2000, **usd})
        assert some.status_code == 200, some.text
        assert some.json()["payment_status"] == "authorized"
    assert await desk.taken() == (2000, TWO_MUGS - 2000)
    other = await desk.do("capture", "once", amount={"amount": 2001, **usd})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    rest = await desk.do("capture")
    assert (rest.status_code, rest.json()["payment_status"]) == (200, "paid")
    assert "capture" not in rest.json()["actions"]
    again = await desk.do("capture")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_move")
    assert await desk.taken() == (TWO_MUGS, 0)
    audited = await desk.shelf.flow.database.fetch("SELECT action, after FROM audit_log ORDER BY id")
    assert [row["action"] for row in audited] == ["order.capture", "order.capture"]
    assert await disagreements(desk.shelf.flow) == []


async def test_money_that_is_not_to_be_had_keeps_the_parcel_here(desk: Desk) -> None:
    """Given a provider that refuses, then the parcel is refused, nothing moved; cancelled, nothing was taken."""
    await confirmed(desk)
    about = {"order": str(desk.shelf.number)}
    await desk.shelf.flow.stripe.fault("error_before", status=400, path="/v1/payment_intents/*/capture", metadata=about)
    no = await desk.do("ship", carrier="UPS", tracking="1Z")
    assert (no.status_code, no.json()["code"]) == (409, "capture_failed")
    assert (await desk.seen())["shipments"] == []
    assert await desk.taken() == (0, TWO_MUGS)
    ended = await desk.do("cancel", reason="sold elsewhere")
    assert (ended.json()["status"], ended.json()["payment_status"]) == ("cancelled", "voided")
    assert await desk.taken() == (0, 0)
    assert await desk.shelf.left() == (5, 0)
    assert await disagreements(desk.shelf.flow) == []

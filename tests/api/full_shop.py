"""A shop in which a buyer has left their words wherever there is room for them, and whoever reads in it."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import msgspec
import sqlalchemy as sa
from temporalio.testing import ActivityEnvironment

from activities.orders import ConfirmOrder, SecureOrder
from activities.refunds import EndRefund, RefundActivities, ReserveRefund
from activities.reports import ReportActivities, WriteReport
from activities.shipments import SendParcel
from models import clock
from models.database import Database
from models.ids import OrderId, OrderNumber, UserId
from models.money import Money
from models.outgoing import TOLD
from models.papers.paper import Shop, named
from models.papers.press import draw
from models.payment import ProviderPayment, Standing
from models.refund import ProviderRefund, ProviderRefundStanding, RefundWish
from models.reports.report import ReportKind
from models.roles import Role
from models.tables import bounce as bounces
from models.tables import paper as papers
from models.tables import webhook_delivery as deliveries
from models.tables.outbox import outbox
from models.tables.returns import returns
from tests import people, sellers, shop, traces, waiting
from tests.activities.till import Till
from tests.api.conftest import Api
from tests.api.desk.conftest import Visitor, begun
from tests.api.staff import ADMIN, made
from tests.sellers import Seller
from tests.traces import ZERUBBABEL

BASE = "/api/v1"
NUMBER = OrderNumber("HF-READS-AAAAA")
SENT = ProviderRefund(ProviderRefundStanding.SUCCEEDED, "re_1")
WORDS = f"{ZERUBBABEL.first} of {ZERUBBABEL.street}"
_ENCODED = {
    "metadata": {"encoding": b64encode(b"json/plain").decode()}, "data": b64encode(msgspec.json.encode(WORDS)).decode(),
}  # fmt: skip
BODIES: dict[str, Any] = {
    "POST /admin/codec/decode": {"payloads": [_ENCODED]},
    "POST /admin/codec/encode": {"payloads": [_ENCODED]},
    "POST /admin/mail-templates/{template:str}/{language:str}/preview": {},
}
QUERIES = {
    "/desk/products/product": "?slug=mug", "/desk/stock/variant": "?sku=MUG",
    "/admin/reports/{report_id:uuid}/download": "?format=json",
    "/desk/reports/{report_id:uuid}/download": "?format=json",
}  # fmt: skip
UNSEEN = {"GET /admin/products/imports/{import_id:uuid}", "GET /admin/products/imports/{import_id:uuid}/problems"}
"""There is none here; they are about rows of a catalogue's file."""
ENDLESS = "GET /desk/orders/{number:str}/stream"
"""Goes on for as long as the order does."""


class FullShop:
    """A shop in which a buyer has left their words wherever there is room for them, and whoever reads in it."""

    def __init__(self, api: Api, till: Till, buyer: UserId, anna: Seller, media: Path) -> None:
        self.api, self.till, self.database = api, till, till.database
        self.buyer, self.anna, self.media = buyer, anna, media
        self.names: dict[str, list[str]] = {}
        """What stands in an address after this word."""

    @classmethod
    async def furnished(cls, api: Api, database: Database, media: Path) -> "FullShop":
        """An open shop, of which from now on there is one of everything."""
        async with database.writing() as writer:
            mug = await shop.stock_product(writer, "MUG", 50)
            anna = await sellers.seller(writer, "anna", mug)
            buyer = await traces.account(writer)
            await traces.leave(writer, buyer)
            staff = await people.account(writer, Role.SUPPORT)
        till = Till(database, mug, mug)
        await waiting.everything(till, staff)
        full = cls(api, till, buyer, anna, media)
        await full.furnish()
        return full

    async def sell(self) -> OrderId:
        """An order of theirs that was sent and partly given back, with its papers, a return and an error of its own."""
        run, place = ActivityEnvironment().run, ZERUBBABEL.address
        cart = await self.till.cart()
        placed = await self.till.placed(
            cart, number=NUMBER, customer_id=self.buyer, email=ZERUBBABEL.email,
            shipping_address=place, billing_address=place,
        )  # fmt: skip
        order, payment = placed.order_id, placed.payment_id
        held = ProviderPayment(Standing.AUTHORIZED, "pi_1")
        await run(self.till.orders.secure_order, SecureOrder(order, payment, cart, 1, held))
        await run(self.till.orders.confirm_order, ConfirmOrder(order, payment, "stripe", placed.due, placed.credit))
        refunds = RefundActivities(self.database, b"k" * 32)
        wish = RefundWish("k", "broken", "order", amount=Money(100, "usd"))
        reserved = await run(refunds.reserve_refund, ReserveRefund(order, 1, wish))
        assert reserved.refund is not None
        await run(refunds.settle_refund, EndRefund(reserved.refund, SENT))
        await run(self.till.shipments.send_parcel, SendParcel(order, 1, "UPS", "1Z", "order"))
        async with self.database.writing() as writer:
            await sellers.divide(writer, order)
            await waiting.ask(writer, "stuck", order)
            await waiting.ask(writer, "return_waiting", order)
            await writer.execute(sa.update(returns).where(returns.c.order_id == order).values(reason=WORDS))
            for paper in await papers.issue(writer, order, Shop("Holdfast")):
                said = await papers.read(writer, paper)
                file, printed = draw(said)
                await papers.file(writer, paper, printed)
                where = self.media / named(said.number, printed.sha256)
                where.parent.mkdir(exist_ok=True)
                where.write_bytes(file)
        return order

    async def tell(self, order: OrderId, endpoint: str) -> str:
        """A letter that did not arrive, and a message to a receiver who repeats what it says; the letter's id."""
        [event, *_] = await self.database.fetch(
            "SELECT id FROM order_events WHERE order_id = $1 AND type = 'order_confirmed'", order
        )
        [letter, *_] = await self.database.fetch("SELECT id FROM outbox WHERE order_id = $1 ORDER BY id", order)
        async with self.database.writing() as writer:
            await deliveries.enlist(writer, {event["id"]: TOLD["order_confirmed"]}, clock.now())
            await writer.exec_driver_sql(
                "UPDATE webhook_deliveries SET body = $2, excerpt = $2 WHERE endpoint_id = $1", (endpoint, WORDS)
            )
            await bounces.mark(writer, letter["id"], "550 no such user")
            # As the carrier writes it down: what a mail server says is kept without the address.
            await writer.execute(sa.update(outbox).values(error=sa.func.replace(outbox.c.error, ZERUBBABEL.email, "")))
        return str(letter["id"])

    async def furnish(self) -> None:
        """Have one of everything, and know its name."""
        boss = await self.api.sign_in(Role.ADMIN)
        endpoint = await made(self.api, boss, "webhook-endpoints", url="https://erp.example.com/hooks", topics=["*"])
        order = await self.sell()
        letter = await self.tell(order, endpoint["id"])
        note = f"{ADMIN}/orders/{NUMBER}/actions/note"
        assert (await self.api.post(note, json={"text": WORDS}, headers=boss)).status_code == 200
        await made(self.api, boss, "tags", name="Blue", slug="blue")
        await made(self.api, boss, "search/synonyms", terms=["mug", "cup"])
        await made(self.api, boss, "commission-rules", ppm=1000)
        await made(self.api, boss, "coupons", code="SAVE10", ppm=1000)
        await made(self.api, boss, "gift-cards", amount={"amount": 500, "currency": "usd"}, note="#1")
        reports = ReportActivities(self.database, ZoneInfo("UTC"))
        for kind in ReportKind:
            await ActivityEnvironment().run(
                reports.write_report, WriteReport(kind, clock.now().date(), clock.now(), None)
            )

        async def ids(path: str) -> list[str]:
            answer = await self.api.get(f"{ADMIN}/{path}", params={"limit": 100}, headers=boss)
            assert answer.status_code == 200, answer.text
            return [item["id"] for item in answer.json()["items"]]

        lists = {
            path.split("/")[-1]: await ids(path)
            for path in ("returns", "reviews", "search/synonyms", "commission-rules", "tax-rates", "gift-cards",
                         "approvals", "attention", "cases", "reports", f"webhook-endpoints/{endpoint['id']}/deliveries")
        }  # fmt: skip
        [payout] = await self.database.fetch("SELECT id FROM payouts WHERE vendor_id = $1", self.anna.id)
        self.names = lists | {
            "orders": [NUMBER], "shipments": ["1"], "credit-notes": ["1"], "users": [str(self.buyer)],
            "vendors": [self.anna.slug], "letters": [letter], "webhook-endpoints": [endpoint["id"]],
            "products": ["mug"], "variants": ["MUG"], "inventory": ["MUG"], "categories": ["all"], "tags": ["blue"],
            "coupons": ["SAVE10"], "shipping-methods": ["standard"], "shipping-zones": ["world"],
            "locations": ["main"], "report-schedules": list(ReportKind), "mail-templates": ["shipped/de"],
            "versions": ["1"], "payouts": [str(payout["id"])], "imports": [str(uuid4())],
        }  # fmt: skip

    def addresses(self, route: str) -> list[str]:
        """Those of the route: of all things of which there are several."""
        path = route.split(" ")[1].replace("/{language:str}", "")
        found = [path if path.startswith("/desk") else BASE + path]
        for word, place in re.findall(r"([\w-]+)/(\{\w+:\w+\})", path):
            found = [each.replace(f"{word}/{place}", f"{word}/{name}") for each in found for name in self.names[word]]
        return [each + QUERIES.get(path, "") for each in found]

    async def ask(self, route: str) -> tuple[UserId, list[httpx.Response]]:
        """Somebody new reads it, all that there is of it; of a vendor's, who acts for her."""
        async with self.database.writing() as writer:
            who = self.anna.user if " /vendor/" in route else await people.account(writer, Role.ADMIN)
        headers = await self.api.sign_in(user=who)
        if " /desk" in route:
            headers = Visitor(self.api, await begun(self.database, who), who).headers
        method, request = route.split(" ")[0], self.api.client.request
        body, addresses = BODIES.get(route), self.addresses(route)
        assert addresses, route
        return who, [await request(method, each, headers=headers, json=body) for each in addresses]

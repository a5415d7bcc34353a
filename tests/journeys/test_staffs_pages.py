"""Staff at the desk in a real browser, against the running house: they find, read, steer and see it move."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import anyio
import pytest
from playwright.async_api import Browser, Page, expect

from dev.stripe.remote import SimulatorControl
from models.ids import UserId, new_id
from models.password import Passwords
from models.roles import Role
from models.tables import user as users
from tests.browser import PATIENCE, opened, tab
from tests.desk import Clerk
from tests.premises import House, Shopper

PASSWORD = "correct horse battery staple"
Agent = Callable[..., Awaitable[Page]]
expect.set_options(timeout=PATIENCE)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with opened() as browser:
        yield browser


@pytest.fixture
async def complaints() -> AsyncIterator[list[str]]:
    """What browsers complain about, such as a script that the page's policy forbids: nothing."""
    heard: list[str] = []
    yield heard
    assert heard == []


@pytest.fixture
async def agent(house: House, browser: Browser, complaints: list[str]) -> Agent:
    """Signs somebody new in, as they do it, in a browser of their own."""

    async def come(role: Role = Role.SUPPORT, **how: Any) -> Page:
        email, passwords = f"{uuid4().hex}@shop.example", Passwords(at_once=1)
        kept = await passwords.hashed(PASSWORD)
        passwords.close()
        database = house.database()
        async with database.writing() as writer:
            assert await users.insert(writer, UserId(new_id()), email, kept, roles=(role,))
        await database.close()
        page = await tab(browser, complaints, **how)
        await page.goto(f"{house.root}/desk")
        await page.get_by_label("E-mail").fill(email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").press("Enter")
        await page.wait_for_url("**/desk/*")
        return page

    return come


async def stuck(house: House, shopper: Shopper, provider: SimulatorControl) -> str:
    """An order whose money the provider refuses to take once; its number."""
    await shopper.put(await house.stock(3))
    total = await shopper.quote()
    await provider.fault("error_before", status=400, method="POST", path="/v1/payment_intents/*/capture")
    number: str = (await shopper.check_out(shopper.order_form(total))).json()["order"]["number"]
    clerk = await Clerk.hire(house, shopper.http)
    with anyio.fail_after(60):
        while (await clerk.see(number))["attention"] is None:
            await anyio.sleep(0.1)
    return number


async def test_an_agent_finds_a_stuck_order_and_gets_it_moving(
    house: House, shopper: Shopper, provider: SimulatorControl, agent: Agent
) -> None:
    """Given an order whose money could not be taken, then an agent finds it, reads why, has it tried again, and sees
    it move; and so does a colleague who has the same page open and presses nothing.
    """
    number = await stuck(house, shopper, provider)
    ada, bob = await agent(), await agent(Role.FINANCE)
    await bob.goto(f"{house.root}/desk/orders/{number}")
    await expect(bob.locator("#live-state")).to_have_text("Live.")

    await ada.get_by_role("link", name="Attention").click()
    row = ada.get_by_role("row").filter(has_text=number)
    await expect(row).to_contain_text("Could not capture the payment")
    await row.get_by_role("button", name="Take").click()
    await expect(row.get_by_role("button", name="Give back")).to_be_visible()
    await row.get_by_role("link", name="Retry").click()

    await expect(ada.get_by_role("heading", level=1)).to_have_text(number)
    now = ada.get_by_role("region", name="Why it is here")
    await expect(now).to_contain_text("What went wrong: Could not capture the payment")
    await expect(now).to_contain_text("a retry by staff, or the next try by itself")
    await ada.get_by_label("Reason").fill("the provider is well again")
    await ada.get_by_role("button", name="Try again now").dblclick()

    await expect(ada.locator("#heading")).to_contain_text("confirmed")
    await expect(ada.locator("#heading")).not_to_contain_text("needs attention")
    await expect(now).to_contain_text("the warehouse to ship it")
    await expect(ada.locator("#timeline")).to_contain_text("Another try was asked for")
    await expect(bob.locator("#heading")).to_contain_text("confirmed")
    await expect(bob.locator("#timeline")).to_contain_text("The order is confirmed")
    await expect(bob.locator("#now")).to_contain_text("the warehouse to ship it")
    database = house.database()
    log = await database.fetch(
        "SELECT reason FROM audit_log WHERE subject = $1 AND action = 'order.retry_asked'", number
    )
    await database.close()
    assert [row["reason"] for row in log] == ["the provider is well again"]


async def test_what_somebody_is_writing_is_not_taken_away(house: House, shopper: Shopper, agent: Agent) -> None:
    """Given a note half written, when the order moves on, then the note stays, and the page says that there is more."""
    placed = (await shopper.buy(await house.stock(3))).json()["order"]
    number = placed["number"]
    await shopper.order_when(placed, "confirmed")
    ada = await agent()
    await ada.goto(f"{house.root}/desk/orders/{number}")
    await expect(ada.locator("#live-state")).to_have_text("Live.")
    await ada.locator("#do-note summary").click()
    await ada.locator("#note-text").fill("Called: leave it with the")

    clerk = await Clerk.hire(house, shopper.http)
    assert (await clerk.do(number, "ship", carrier="UPS", tracking="1Z")).status_code == 200

    await expect(ada.locator("#heading")).to_contain_text("shipped")
    await expect(ada.locator("[data-changed]")).to_contain_text("The order has moved on")
    await expect(ada.locator("#note-text")).to_have_value("Called: leave it with the")
    await ada.locator("#note-text").press_sequentially(" neighbour.")
    await ada.get_by_role("button", name="Note").click()
    await expect(ada.locator("#timeline")).to_contain_text("Called: leave it with the neighbour.")
    await expect(ada.locator("#do-deliver summary")).to_be_visible()


async def test_all_of_it_works_without_scripts(house: House, shopper: Shopper, agent: Agent) -> None:
    """Given a browser that runs no scripts, then an order is found, sent in a parcel, and refused in words."""
    placed = (await shopper.buy(await house.stock(3), quantity=2)).json()["order"]
    await shopper.order_when(placed, "confirmed")
    ada = await agent(java_script_enabled=False)
    await ada.get_by_label("Find an order").fill(placed["number"])
    await ada.get_by_label("Find an order").press("Enter")
    await expect(ada.get_by_role("heading", level=1)).to_have_text(placed["number"])
    await ada.locator("#do-ship summary").click()
    await ada.get_by_label("Carrier").fill("UPS")
    await ada.get_by_label("Tracking number").fill("1Z999")
    await ada.locator("#do-ship input[name^=items]").fill("1")
    await ada.get_by_role("button", name="Ship").click()

    await expect(ada.locator("#done")).to_have_text("Done: ship.")
    await expect(ada.locator("#heading")).to_contain_text("partial")
    await expect(ada.locator("#contents")).to_contain_text("UPS 1Z999")
    await ada.get_by_role("button", name="Sign out").click()
    await expect(ada.get_by_role("button", name="Sign in")).to_be_visible()


PAGES = ("attention", "orders", "products", "stock", "reports")


@pytest.mark.parametrize("width", [360, 1280])
async def test_pages_fit_and_have_names(house: House, shopper: Shopper, agent: Agent, width: int) -> None:
    """Given a phone and a screen, then no page is wider, and every field and button says what it is for."""
    placed = (await shopper.buy(await house.stock(3))).json()["order"]
    ada = await agent(Role.ADMIN, viewport={"width": width, "height": 800})
    for place in (*PAGES, f"orders/{placed['number']}"):
        await ada.goto(f"{house.root}/desk/{place}")
        assert await ada.evaluate("document.documentElement.scrollWidth") <= width, place
        nameless = await ada.evaluate(
            """[...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href]")]
            .filter((each) => !(each.labels?.length || each.getAttribute("aria-label") || each.textContent.trim()))
            .map((each) => each.outerHTML)"""
        )
        assert nameless == [], place
        assert await ada.locator("main h1").count() == 1, place
    cut = await ada.evaluate("""[...document.querySelectorAll("#contents > .scroll")].map(
        (each) => each.scrollWidth - each.clientWidth).filter(Boolean)""")
    assert cut == [], "what an order costs is not to be looked for beyond the edge"


async def test_the_keyboard_is_enough(house: House, shopper: Shopper, agent: Agent) -> None:
    """Given no mouse, then a stroke leads into the search, a skip link past the head, and a form is opened and sent."""
    placed = (await shopper.buy(await house.stock(3))).json()["order"]
    await shopper.order_when(placed, "confirmed")
    ada = await agent()
    await ada.goto(f"{house.root}/desk/stock")
    await ada.keyboard.press("Tab")
    await expect(ada.get_by_role("link", name="Skip to the content")).to_be_focused()
    await ada.keyboard.press("Enter")
    await expect(ada.locator("#main")).to_be_focused()
    await ada.goto(f"{house.root}/desk/orders/{placed['number']}")
    await ada.keyboard.press("/")
    await expect(ada.get_by_label("Find an order")).to_be_focused()
    await ada.keyboard.type(placed["number"].lower())
    await ada.keyboard.press("Enter")
    await expect(ada.get_by_role("heading", level=1)).to_have_text(placed["number"])
    await ada.locator("#do-note summary").focus()
    await ada.keyboard.press("Enter")
    await ada.keyboard.press("Tab")
    await ada.keyboard.type("by keyboard alone")
    await ada.keyboard.press("Tab")
    await ada.keyboard.press("Enter")
    await expect(ada.locator("#timeline")).to_contain_text("by keyboard alone")


async def test_an_agent_takes_goods_back(house: House, shopper: Shopper, agent: Agent) -> None:
    """Given two units that their buyer sends back, then an agent approves, says that they came, writes one off, and the
    page shows that their money went back.
    """
    sku = await house.stock(5)
    placed = (await shopper.buy(sku, 2)).json()["order"]
    number, buyer = placed["number"], {"Order-Token": placed["order_token"]}
    await shopper.order_when(placed, "confirmed")
    clerk = await Clerk.hire(house, shopper.http)
    assert (await clerk.do(number, "ship", carrier="UPS", tracking="1Z")).status_code == 200
    wish = {"items": [{"sku": sku, "quantity": 2}], "reason": "Too small."}
    asked = await shopper.http.post(f"/orders/{number}/returns", json=wish, headers=buyer)
    assert asked.status_code == 201, asked.text
    ada = await agent()
    await ada.goto(f"{house.root}/desk/orders/{number}")

    await expect(ada.locator("#contents")).to_contain_text("Too small.")
    for step in ("approve", "receive"):
        await ada.locator(f"#do-return-1-{step} summary").click()
        await ada.locator(f"#do-return-1-{step} button").click()
        await expect(ada.locator("#done")).to_contain_text(f"return 1 {step}")
    await ada.locator("#do-return-1-inspect summary").click()
    await ada.locator("#do-return-1-inspect input[name^=lost]").fill("1")
    await ada.locator("#do-return-1-inspect button").click()

    await expect(ada.locator("#done")).to_contain_text("return 1 inspect")
    await expect(ada.locator("#contents")).to_contain_text("settled")
    await expect(ada.locator("#contents")).to_contain_text("22.00 USD")
    found = (await shopper.http.get("/admin/returns", params={"order": number}, headers=clerk.headers)).json()
    [line] = found["items"][0]["items"]
    assert (line["received"], line["restocked"], line["written_off"]) == (2, 1, 1)

"""Steering at the desk's pages: what is pressed there meets the same workflows, once, with a second person for much."""

import re

import httpx
import pytest

from models import clock
from models.ids import OrderId, UserId
from models.roles import Role
from models.session import desk_proof, desk_token
from tests import people
from tests.api.desk.conftest import begun
from tests.steering.office import Office
from tests.workflows.returning import Gone
from workflows.order import Order
from workflows.order_messages import ShipOrder


@pytest.fixture
def limits() -> dict[str, str]:
    """More than ten dollars are much."""
    return {"FOUR_EYES_ABOVE": "usd:1000"}


class Browser:
    """Somebody at the desk."""

    def __init__(self, office: Office, user: UserId, headers: dict[str, str], proof: str) -> None:
        self.office, self.user, self.headers, self.proof = office, user, headers, proof

    @classmethod
    async def hire(cls, office: Office, role: Role = Role.SUPPORT) -> "Browser":
        """Somebody new."""
        key: bytes = office.api.app.state.house.settings.secret_key
        async with office.database.writing() as writer:
            user = await people.account(writer, role)
        session = await begun(office.database, user)
        cookie = {"Cookie": f"holdfast-desk={desk_token(key, session, clock.now())}"}
        return cls(office, user, cookie, desk_proof(key, session))

    async def see(self, path: str) -> str:
        """A page."""
        answer = await self.office.api.get(f"/desk{path}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def press(self, path: str, key: str, **said: str) -> httpx.Response:
        """A form of a page."""
        here = {"Origin": "http://shop.test", "Sec-Fetch-Site": "same-origin"}
        form = {"proof": self.proof, "key": key, **said}
        return await self.office.api.post(f"/desk{path}", data=form, headers={**self.headers, **here})


async def test_a_large_refund_takes_two_at_the_desk(office: Office) -> None:
    """Given 16.00 asked back, pressed twice, then nothing moves until somebody else agrees at their desk; then once."""
    bob, eve = await Browser.hire(office), await Browser.hire(office)
    shelf, _ = await office.sold()
    order = f"/orders/{shelf.number}"
    asked = [await bob.press(f"{order}/refund", "r-1", amount="16.00", reason="broken") for _ in range(2)]
    assert {(each.status_code, each.headers["Location"]) for each in asked} == {(303, f"/desk{order}?asked=refund")}
    assert await office.given_back(shelf.number) == 0
    assert "A second person is asked:" in await bob.see(order)
    assert "a second person has to agree, and nothing was done yet: refund." in await bob.see(f"{order}?asked=refund")

    [no] = re.findall(r'action="/desk(/approvals/[0-9a-f-]+/\w+)"', await bob.see("/approvals"))
    assert no.endswith("/reject")
    yes, no = re.findall(r'action="/desk(/approvals/[0-9a-f-]+/\w+)"', await eve.see("/approvals?status=pending"))
    alone = await bob.press(yes, "a-1", reason="mine")
    assert (alone.status_code, "Whoever asks cannot agree" in alone.text) == (403, True)
    assert await office.given_back(shelf.number) == 0
    agreed = [await eve.press(yes, "a-1", reason="looked at") for _ in range(2)]

    assert {each.status_code for each in agreed} == {303}, [each.text for each in agreed]
    assert await office.given_back(shelf.number) == 1600
    assert "A second person is asked:" not in await bob.see(order)
    late = await eve.press(no, "a-2", reason="no")
    assert late.status_code == 409
    assert [entry[0] for entry in await office.log(shelf.number)] == [
        "approval.ask",
        "approval.approve",
        "order.refund",
    ]


async def test_a_large_return_takes_two_at_the_desk(office: Office) -> None:
    """Given a mug that came back, which one person takes in, then its 11.00 go back when somebody else agrees; once."""
    bob, eve = await Browser.hire(office), await Browser.hire(office)
    shelf, handle = await office.sold()
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    gone = Gone(shelf, handle, OrderId((await shelf.row())["id"]))
    await gone.ask()
    order, path = f"/orders/{shelf.number}", f"/orders/{shelf.number}/returns/{(await gone.row()).id}"
    [came] = [f"items.{line.sku}" for line in (await gone.row()).lines]
    for step, said in (("approve", {"reason": "as asked"}), ("receive", {came: "1"})):
        done = await bob.press(f"{path}/{step}", step, **said)
        assert done.headers.get("Location") == f"/desk{order}?done=return-1-{step}", done.text

    asked = [await bob.press(f"{path}/inspect", "i-1", reason="as new") for _ in range(2)]

    assert {each.headers.get("Location") for each in asked} == {f"/desk{order}?asked=return-1-inspect"}, asked[0].text
    page = await bob.see(f"{order}?asked=return-1-inspect")
    assert "a second person has to agree, and nothing was done yet: return 1 inspect." in page
    assert "A second person is asked:" in page
    yes, _ = re.findall(r'action="/desk(/approvals/[0-9a-f-]+/\w+)"', await eve.see("/approvals?status=pending"))
    agreed = [await eve.press(yes, "a-1", reason="looked at") for _ in range(2)]
    assert {each.status_code for each in agreed} == {303}, [each.text for each in agreed]
    assert (await gone.end()).refund == 1
    assert await office.given_back(shelf.number) == 1100
    assert "A second person is asked:" not in await bob.see(order)


async def test_what_is_refused_says_what_can_be_done(office: Office) -> None:
    """Given an order that is paid, when too much goes back, or it is sent twice, then the page says why not."""
    bob = await Browser.hire(office, Role.ADMIN)
    shelf, _ = await office.sold()
    order = f"/orders/{shelf.number}"
    much = await bob.press(f"{order}/refund", "r-1", amount="99.00", reason="broken")
    assert much.status_code == 409
    assert (await office.given_back(shelf.number), await office.log(shelf.number)) == (0, [])
    [position, *_] = re.findall(r'name="(items\.[^"]+)" min="0" max="1" value="1"', await bob.see(order))
    form = {"carrier": "UPS", "tracking": "1Z", position: "1"}
    sent = await bob.press(f"{order}/ship", "s-1", **form)
    again = await bob.press(f"{order}/ship", "s-1", **form)
    assert [each.headers.get("Location") for each in (sent, again)] == [f"/desk{order}?done=ship"] * 2, sent.text

    twice = await bob.press(f"{order}/ship", "s-2", **form)

    assert twice.status_code == 409
    assert "Ship was not done:" in twice.text
    assert "What can be done now: deliver, refund, note." in twice.text
    assert [entry[0] for entry in await office.log(shelf.number)] == ["order.ship"]

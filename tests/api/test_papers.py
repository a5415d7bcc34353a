"""Papers in the API alone: what is kept is served whoever is away, and nobody's paper is told to another."""

from pathlib import Path

import pytest

from models.database import Database
from models.ids import OrderNumber
from models.papers.paper import Printed, Shop, named
from models.papers.press import draw
from models.roles import Role
from models.tables import paper as papers
from tests import shop
from tests.activities.till import Till
from tests.api.conftest import Api

NUMBER = OrderNumber("HF-AAAAA-BBBBB")
WHERE = f"/api/v1/orders/{NUMBER}"


@pytest.fixture
async def till(api: Api, database: Database) -> Till:
    """A mug, bought and paid."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 50)
    till = Till(database, mug, mug)
    await till.placed(await till.cart(), number=NUMBER)
    await till.ask("UPDATE orders SET status = 'confirmed'")
    await till.ask("UPDATE payments SET status = 'paid', captured = amount, reference = 'pi_1'")
    return till


async def keep_paper(till: Till, folder: Path) -> bytes:
    """The order's invoice, written, drawn and kept."""
    [[order]] = await till.ask("SELECT id FROM orders")
    async with till.database.writing() as writer:
        [paper] = await papers.issue(writer, order, Shop("Holdfast"))
        said = await papers.read(writer, paper)
        file, printed = draw(said)
        await papers.file(writer, paper, printed)
    where = folder / named(said.number, printed.sha256)
    where.parent.mkdir(exist_ok=True)
    where.write_bytes(file)
    return file


async def test_what_is_kept_is_served_while_others_are_away(api: Api, till: Till, media: Path) -> None:
    """Given an invoice that is printed and Temporal away, then it is served, and 304 to whoever has it."""
    file = await keep_paper(till, media)
    staff = await api.sign_in(Role.SUPPORT)
    answer = await api.get(f"{WHERE}/invoice", headers=staff)
    assert (answer.status_code, answer.content) == (200, file)
    assert (answer.headers["content-type"], answer.headers["content-length"]) == ("application/pdf", str(len(file)))
    assert answer.headers["cache-control"] == "private, max-age=0, must-revalidate"
    again = await api.get(f"{WHERE}/invoice", headers={**staff, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    [item] = (await api.get(f"{WHERE}/papers", headers=staff)).json()["items"]
    assert item["url"].endswith(f"{WHERE}/invoice?n=1")


async def test_what_is_not_printed_yet_comes_later(api: Api, till: Till) -> None:
    """Given a paid order without an invoice and Temporal away, then come again; and its list is empty so far."""
    staff = await api.sign_in(Role.FINANCE)
    answer = await api.get(f"{WHERE}/invoice", headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    listed = await api.get(f"{WHERE}/papers", headers=staff)
    assert (listed.status_code, listed.json()) == (200, {"items": [], "next_cursor": None, "total": 0})


@pytest.mark.parametrize(("status", "payment"), [("pending", "pending"), ("on_hold", "authorized"),
                                                 ("confirmed", "authorized"), ("cancelled", "voided")])  # fmt: skip
async def test_there_is_none_of_an_order_that_is_not_paid(api: Api, till: Till, status: str, payment: str) -> None:
    """Given an order that is not paid, or is over, then nobody is even asked to write one."""
    await till.ask("UPDATE orders SET status = $1", status)
    await till.ask("UPDATE payments SET status = $1", payment)
    answer = await api.get(f"{WHERE}/invoice", headers=await api.sign_in(Role.SUPPORT))
    assert (answer.status_code, answer.json()["code"]) == (404, "invoice_not_found")


async def test_a_file_that_is_lost_is_not_told_as_empty(api: Api, till: Till) -> None:
    """Given a paper whose file somebody has taken away, then that is said, and no other file is made in its place."""
    [[order]] = await till.ask("SELECT id FROM orders")
    async with till.database.writing() as writer:
        [paper] = await papers.issue(writer, order, Shop("Holdfast"))
        await papers.file(writer, paper, Printed("a" * 64, 7))
    answer = await api.get(f"{WHERE}/invoice", headers=await api.sign_in(Role.SUPPORT))
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert await till.ask("SELECT sha256 FROM papers") == [("a" * 64,)]


@pytest.mark.parametrize("path", ["invoice?n=0", "invoice?n=x", "invoice?n=99999999999999999999", "credit-notes/0",
                                  "credit-notes/99999999999999999999"])  # fmt: skip
async def test_numbers_that_are_none(api: Api, till: Till, path: str) -> None:
    """Given a number that no paper can have, then it is refused as such, or not found."""
    answer = await api.get(f"{WHERE}/{path}", headers=await api.sign_in(Role.SUPPORT))
    assert answer.status_code in (404, 422), answer.text


async def test_papers_are_no_media(api: Api, till: Till, media: Path) -> None:
    """Given a kept paper, then who knows its name cannot have it without the order."""
    await keep_paper(till, media)
    [file] = (media / ".papers").iterdir()
    assert (await api.get(f"/media/.papers/{file.name}")).status_code == 404

"""Goods that are not where they should be: an order leaves from another location, or goes without them."""

import asyncio
from typing import Any

import pytest

from models.money import Money
from models.tables import inventory, refund_end
from tests.steering.office import CELLAR, Clerk, Office, code
from tests.steering.stands import THREE_MUGS, confirmed, sent_in_part
from tests.workflows import awaited
from tests.workflows.stories import Shelf

MUG = 1000 + 100
"""One of them with its tax."""


async def lies(office: Office, shelf: Shelf) -> dict[str, tuple[int, int]]:
    """By location: on hand, and held."""
    rows = await office.database.fetch(
        "SELECT o.code, l.on_hand, l.held FROM stock_levels l JOIN locations o ON o.id = l.location_id "
        "WHERE l.variant_id = $1", shelf.mug,
    )  # fmt: skip
    return {row["code"]: (row["on_hand"], row["held"]) for row in rows}


async def books_agree(office: Office) -> None:
    """Numbers are what their rows add up to."""
    async with office.database.reading() as reader:
        assert await inventory.drift(reader) == []
        assert [tuple(row) for row in await refund_end.drift(reader)] == []


async def given_back(office: Office, shelf: Shelf, amount: int) -> None:
    """Wait until so much has gone back, and no more."""

    async def is_so() -> bool:
        rows = await office.database.fetch(
            "SELECT r.status FROM refunds r JOIN orders o ON o.id = r.order_id WHERE o.number = $1", shelf.number
        )
        return all(row["status"] == "succeeded" for row in rows) and await office.given_back(shelf.number) == amount

    await office.when(is_so)


async def test_an_order_leaves_from_the_cellar(office: Office, bob: Clerk) -> None:
    """Given three mugs held here, then they are held in the cellar, once, and leave from there."""
    shelf = await confirmed(office, bob)
    assert await lies(office, shelf) == {"main": (5, 3), "cellar": (5, 0)}

    wish = {"from": "main", "to": "cellar", "sku": shelf.sku, "reason": "under water"}
    answers = await asyncio.gather(*(bob.press(shelf.number, "switch_location", "s-1", **wish) for _ in range(3)))

    assert [answer.status_code for answer in answers] == [200] * 3, answers[0].text
    assert await lies(office, shelf) == {"main": (5, 0), "cellar": (5, 3)}
    assert [fact for fact in await shelf.facts() if fact == "location_switched"] == ["location_switched"]
    assert await office.log(shelf.number) == [("order.switch_location", bob.user, "under water")]
    sent = await bob.press(shelf.number, "ship", carrier="UPS", tracking="1Z")
    assert (sent.status_code, sent.json()["shipments"][0]["location"]) == (200, "cellar"), sent.text
    assert await lies(office, shelf) == {"main": (5, 0), "cellar": (2, 0)}
    await books_agree(office)


async def test_the_rest_leaves_from_the_cellar_and_back(office: Office, bob: Clerk) -> None:
    """Given one of three sent, then the rest is switched there and back, and what has left stays where it was."""
    shelf = await sent_in_part(office, bob)
    for wish in ({"from": "main", "to": "cellar"}, {"from": "cellar", "to": "main"}):
        answer = await bob.press(shelf.number, "switch_location", reason="moving", **wish)
        assert answer.status_code == 200, answer.text
    assert await lies(office, shelf) == {"main": (4, 2), "cellar": (5, 0)}
    assert (await bob.press(shelf.number, "ship", carrier="UPS", tracking="2Z")).json()["status"] == "shipped"
    await books_agree(office)


async def test_what_cannot_be_switched(office: Office, bob: Clerk) -> None:
    """Given a location that is none, has none, or has too few, then it is refused, and nothing has moved."""
    shelf = await confirmed(office, bob)
    async with office.database.writing() as writer:
        await writer.exec_driver_sql(
            "UPDATE stock_levels SET on_hand = 2 WHERE variant_id = $1 AND location_id = $2", (shelf.mug, CELLAR)
        )
    before = await lies(office, shelf), await shelf.facts()
    wishes: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"from": "main", "to": "attic"}, (409, "location_unknown")),
        ({"from": "attic", "to": "main"}, (409, "location_unknown")),
        ({"from": "cellar", "to": "main"}, (409, "not_held")),
        ({"from": "main", "to": "main"}, (409, "not_held")),
        ({"from": "main", "to": "cellar", "sku": "CUP"}, (409, "unknown_sku")),
        ({"from": "main", "to": "cellar"}, (409, "out_of_stock")),
        ({"from": "main"}, (422, "invalid")),
    ]
    for wish, why in wishes:
        answer = await bob.press(shelf.number, "switch_location", reason="moving", **wish)
        assert answer.json()["code"] == why[1], (wish, answer.text)
    assert answer.status_code == 422
    short = await bob.press(shelf.number, "switch_location", reason="moving", **{"from": "main", "to": "cellar"})
    assert short.json()["facts"]["items"] == [{"sku": shelf.sku, "requested": 3, "available": 2}]
    assert (await lies(office, shelf), await shelf.facts()) == before


@pytest.mark.parametrize(("gone", "here"), [(True, (4, 2)), (False, (5, 2))])
async def test_an_order_goes_without_a_mug(office: Office, bob: Clerk, gone: bool, here: tuple[int, int]) -> None:
    """Given one of three mugs not there, then its 11.00 go back once, the two others leave, and the order is over."""
    shelf = await confirmed(office, bob)
    wish = {"items": [{"sku": shelf.sku, "quantity": 1}], "reason": "broken", "gone": gone}

    answers = await asyncio.gather(*(bob.press(shelf.number, "accept_shortage", "a-1", **wish) for _ in range(3)))

    assert [answer.status_code for answer in answers] == [200] * 3, answers[0].text
    await given_back(office, shelf, MUG)
    assert (await lies(office, shelf))["main"] == here
    [line] = (await bob.see(f"orders/{shelf.number}"))["items"]
    assert (line["quantity"], line["cancelled"], line["shipped"]) == (3, 1, 0)
    assert (await shelf.facts()).count("shortage_accepted") == 1
    assert "shortage" in await shelf.letters()
    assert [what for what, _, _ in await office.log(shelf.number)] == ["order.accept_shortage"]
    sent = await bob.press(shelf.number, "ship", carrier="UPS", tracking="1Z")
    assert (sent.json()["status"], sent.json()["fulfilment_status"]) == ("shipped", "fulfilled"), sent.text
    assert sent.json()["shipments"][0]["items"] == [{"sku": shelf.sku, "quantity": 2}]
    assert (await bob.press(shelf.number, "deliver")).json()["status"] == "delivered"
    await books_agree(office)


async def test_what_never_comes_in_is_no_longer_awaited(office: Office, bob: Clerk) -> None:
    """Given seven mugs of which two had to come in by yesterday, then staff are told what can be done, accept that they
    never come, and nobody is asked any more; the five that are here leave."""
    shelf = await office.shelf(cellar=0)
    await awaited.sold(shelf)
    async with office.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE backorders SET promised_at = now() - interval '1 day'")
    [need] = (await bob.see(f"attention?order={shelf.number}"))["items"]
    assert (need["kind"], [step["action"] for step in need["next"]]) == (
        "promise_passed", ["ship", "accept_shortage", "cancel"]
    )  # fmt: skip
    edit = await bob.post(f"orders/{shelf.number}/edits", items=[{"sku": shelf.sku, "quantity": 5}], reason="less")
    assert code(edit) == (409, "on_backorder")

    wish: dict[str, Any] = {"items": [{"sku": shelf.sku, "quantity": 2}], "reason": "the maker has stopped"}
    done = await bob.press(shelf.number, "accept_shortage", **wish)

    assert done.status_code == 200, done.text
    [line] = done.json()["items"]
    assert (line["cancelled"], line["waiting"], line["promised_at"]) == (2, 0, None)
    assert (await bob.see(f"attention?order={shelf.number}"))["items"] == []
    await given_back(office, shelf, 2 * MUG)
    sent = await bob.press(shelf.number, "ship", carrier="UPS", tracking="1Z")
    assert (sent.json()["status"], sent.json()["shipments"][0]["items"]) == (
        "shipped", [{"sku": shelf.sku, "quantity": 5}]
    )  # fmt: skip
    assert (await lies(office, shelf))["main"] == (0, 0)
    await books_agree(office)


async def test_without_all_of_it_there_is_no_order(office: Office, bob: Clerk) -> None:
    """Given more than is left, or all of it, then it is refused, and nothing has moved; nor can it be edited again."""
    shelf = await confirmed(office, bob)
    before = await lies(office, shelf), await shelf.facts()
    for units, why in ((3, "edit_leaves_nothing"), (4, "nothing_left")):
        wish: dict[str, Any] = {"items": [{"sku": shelf.sku, "quantity": units}], "reason": "broken"}
        assert (await bob.press(shelf.number, "accept_shortage", **wish)).json()["code"] == why
    other = await bob.press(shelf.number, "accept_shortage", items=[{"sku": "CUP", "quantity": 1}], reason="broken")
    assert code(other)[1] == "unknown_sku"
    assert (await lies(office, shelf), await shelf.facts()) == before

    one: dict[str, Any] = {"items": [{"sku": shelf.sku, "quantity": 1}], "reason": "broken"}
    assert (await bob.press(shelf.number, "accept_shortage", **one)).status_code == 200
    edit = await bob.post(f"orders/{shelf.number}/edits", items=[{"sku": shelf.sku, "quantity": 1}], reason="less")
    assert code(edit) == (409, "refund_exceeds")
    ended = await bob.press(shelf.number, "cancel", reason="never mind")
    assert ended.json()["status"] == "cancelled", ended.text
    await given_back(office, shelf, THREE_MUGS)
    assert (await lies(office, shelf))["main"] == (4, 0)
    assert Money(THREE_MUGS, "usd") == Money((await shelf.row())["total"], "usd")
    await books_agree(office)

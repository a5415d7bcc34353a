"""The memory that makes a repeat harmless: outcomes of checkouts, and answers to requests with a key."""

import asyncio
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from models.checkout import Purchase
from models.errors import Refusal
from models.ids import CartId, new_id
from models.money import Money
from models.tables import checkout as checkouts
from tests import shop
from tests.models.tables.shelf import Shelf

REFUSED = {"placed": None, "refusal": {"code": "cart_empty", "detail": "Nothing.", "facts": {}}}


async def remember(shelf: Shelf, outcome: Any, **changes: Any) -> Purchase:
    """A checkout that has an outcome."""
    bought = shop.purchase(changes.pop("cart", CartId(new_id())), Money(1, "usd"), **changes)
    async with shelf.database.writing() as writer:
        await checkouts.remember(writer, bought, outcome)
    return bought


async def test_an_outcome_is_remembered_as_it_was_answered(shelf: Shelf) -> None:
    """Given an outcome, then the same checkout finds it again, and no other does."""
    bought = await remember(shelf, {"placed": {"total": Money(5, "usd")}, "refusal": None})
    async with shelf.database.writing() as writer:
        assert await checkouts.outcome_of(writer, bought.cart_id, 1) == {
            "placed": {"total": {"amount": 5, "currency": "usd"}}, "refusal": None,
        }  # fmt: skip
        assert await checkouts.outcome_of(writer, bought.cart_id, 2) is None
        assert await checkouts.outcome_of(writer, CartId(new_id()), 1) is None


async def test_a_checkout_has_one_outcome(shelf: Shelf) -> None:
    """Given an outcome, then a second one for the same checkout, or the same number for another, is refused."""
    bought = await remember(shelf, REFUSED)
    for same in ({"cart": bought.cart_id}, {"number": bought.number}):
        with pytest.raises(sa.exc.IntegrityError):
            await remember(shelf, REFUSED, **same)


async def test_past_checkouts_are_found_by_key_attempt_and_number(shelf: Shelf) -> None:
    """Given two checkouts of a cart, then each is found by its attempt and number, and the key finds the latest."""
    first = await remember(shelf, REFUSED, key="k", digest="d1")
    second = await remember(shelf, {"placed": {}, "refusal": None}, cart=first.cart_id, attempt=2, key="k", digest="d2")
    by_key = await checkouts.by_key(shelf.database, first.cart_id, "k")
    assert by_key == checkouts.PastCheckout(first.cart_id, 2, second.number, "k", "d2", None)
    assert await checkouts.by_attempt(shelf.database, first.cart_id, 1) == checkouts.PastCheckout(
        first.cart_id, 1, first.number, "k", "d1", {"code": "cart_empty", "detail": "Nothing.", "facts": {}}
    )
    assert await checkouts.by_number(shelf.database, second.number) == by_key
    for nobody in (
        await checkouts.by_key(shelf.database, CartId(new_id()), "k"),
        await checkouts.by_key(shelf.database, first.cart_id, "other"),
        await checkouts.by_attempt(shelf.database, first.cart_id, 3),
        await checkouts.by_number(shelf.database, "HF-NOBOD-YBUYS"),
    ):
        assert nobody is None


class Desk:
    """A handler of requests with keys: answers with its count of work done."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.done = 0
        self.to_fail = 0
        """So many of the next who have the key fail."""

    async def handle(self, scope: str = "s", key: str = "k", digest: str = "d") -> Any:
        """Do the work, unless the key was answered before."""
        async with self.shelf.database.writing() as writer:
            known = await checkouts.first_time(writer, scope, key, digest)
            if known is not None:
                return known
            await asyncio.sleep(0)
            if self.to_fail:
                self.to_fail -= 1
                raise Refusal("unknown_sku", "No such thing.")
            self.done += 1
            await checkouts.keep_answer(writer, scope, key, {"work": self.done, "total": Money(5, "usd")})
            return {"work": self.done, "total": {"amount": 5, "currency": "usd"}}


async def test_a_repeated_request_gets_the_first_answer(shelf: Shelf) -> None:
    """Given a request answered under a key, then its repeat does no work and gets the same answer."""
    desk = Desk(shelf)
    assert await desk.handle() == await desk.handle() == {"work": 1, "total": {"amount": 5, "currency": "usd"}}
    assert desk.done == 1


async def test_another_key_or_scope_is_another_request(shelf: Shelf) -> None:
    """Given the same body under another key, or the same key of another cart, then the work is done."""
    desk = Desk(shelf)
    for scope, key in (("s", "k"), ("s", "k2"), ("s2", "k")):
        await desk.handle(scope, key)
    assert desk.done == 3


async def test_a_key_with_another_body_is_refused(shelf: Shelf) -> None:
    """Given a key that was answered, when it comes with another body, then it is refused and nothing is done."""
    desk = Desk(shelf)
    await desk.handle()
    with pytest.raises(Refusal) as refused:
        await desk.handle(digest="other")
    assert (refused.value.code, desk.done) == ("idempotency_key_reused", 1)


async def test_ten_at_once_do_the_work_once(shelf: Shelf) -> None:
    """Given ten equal requests at once, then one does the work, and all get its answer."""
    desk = Desk(shelf)
    answers = await asyncio.gather(*(desk.handle() for _ in range(10)))
    assert desk.done == 1
    assert all(answer == answers[0] for answer in answers)


async def test_a_refused_request_can_be_sent_again(shelf: Shelf) -> None:
    """Given a request whose work failed, then its key is free again, also for those who waited for it."""
    desk = Desk(shelf)
    desk.to_fail = 1
    answers = await asyncio.gather(desk.handle(), desk.handle(), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Refusal", "dict"]
    assert desk.done == 1
    assert (await desk.handle())["work"] == 1


async def test_answers_survive_as_json(shelf: Shelf) -> None:
    """Given an answer with a struct in it, then it is kept in the JSON that was sent."""
    await Desk(shelf).handle()
    [(kept,)] = await shelf.ask("SELECT answer FROM idempotent_requests")
    assert msgspec.json.decode(kept) == {"work": 1, "total": {"amount": 5, "currency": "usd"}}

"""The payout ledger on real rows: what is taken, given back and paid out, each once, and every sum adds up."""

import asyncio
from datetime import date
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from models.commission import Account, Terms
from models.money import Money
from models.refund import RefundedItem, RefundWish
from models.tables import commission, refund_end
from models.tables import payout as payouts
from models.tables import payout_ledger as ledger
from models.tables import refund as refunds
from models.tables.catalog import categories
from models.vendor import Payout, PayoutStatus
from tests import goods, sellers
from tests.models.tables.shelf import Shelf

TENTH = Terms(100_000, 10)
TODAY = date(2026, 11, 22)
EVER = UUID(int=0)


async def test_an_order_is_divided_and_again_changes_nothing(shelf: Shelf) -> None:
    """Given a paid order of two vendors, then each has their share less commission, however often it is reckoned."""
    async with shelf.database.writing() as writer:
        await sellers.seller(writer, "anna", shelf.mug, terms=TENTH)
        await sellers.seller(writer, "ben", shelf.cup)
    order = await sellers.sold(shelf, {shelf.mug: 2, shelf.cup: 1})
    books = {"captured": -3000, "commission/anna": 210, "vendor/anna": 1790, "vendor/ben": 1000}
    assert await sellers.said(shelf.database, order) == books
    assert await shelf.ask(
        "SELECT v.slug, p.goods, p.tax, p.commission, p.share FROM vendor_parts p JOIN vendors v ON v.id = p.vendor_id "
        "ORDER BY 1"
    ) == [("anna", 2000, 0, 210, 1790), ("ben", 1000, 0, 0, 1000)]
    before = await shelf.ask("SELECT * FROM payout_entries ORDER BY id")
    async with shelf.database.writing() as writer:
        assert await sellers.divide(writer, order) == [False]
    assert await shelf.ask("SELECT * FROM payout_entries ORDER BY id") == before


async def test_later_rules_and_owners_never_reach_what_was_sold(shelf: Shelf) -> None:
    """Given an order that was divided, when rules and owners change, then a refund is reckoned as it was sold."""
    async with shelf.database.writing() as writer:
        anna = await sellers.seller(writer, "anna", shelf.mug, terms=TENTH)
    order = await sellers.sold(shelf, {shelf.mug: 1, shelf.cup: 1})
    async with shelf.database.writing() as writer:
        [rule] = await commission.listed(shelf.database, 9, None)
        await commission.change(writer, rule.id, {"ppm": 900_000})
        await sellers.give(writer, None, shelf.mug)
        await sellers.give(writer, anna.id, shelf.cup)
    async with shelf.database.writing() as writer:
        assert await sellers.divide(writer, order) == [False]
    assert await sellers.said(shelf.database, order) == {
        "captured": -2000, "shop": 1000, "commission/anna": 110, "vendor/anna": 890,
    }  # fmt: skip


async def test_the_nearest_category_s_rule_counts(shelf: Shelf) -> None:
    """Given rules for a category and for one below it, then a product has those of its own."""
    async with shelf.database.writing() as writer:
        await sellers.seller(writer, "anna", shelf.mug, shelf.cup)
        top = (await writer.execute(sa.select(categories.c.id))).scalar_one()
        below = await goods.category(writer, "below", top)
        await commission.insert(writer, None, top, None, 100_000, 0)
        await commission.insert(writer, None, below, None, 200_000, 0)
        await writer.exec_driver_sql("UPDATE products SET category_id = $1 WHERE slug = 'cup'", (below,))
    order = await sellers.sold(shelf, {shelf.mug: 1, shelf.cup: 1})
    assert (await sellers.said(shelf.database, order))["commission/anna"] == 100 + 200


async def test_an_order_without_vendors_has_no_books(shelf: Shelf) -> None:
    """Given an order of the shop's own goods, then nothing is written; nor in a shop that has no vendors at all."""
    order = await sellers.sold(shelf, {shelf.mug: 1})
    assert await shelf.ask("SELECT * FROM line_terms") == []
    async with shelf.database.writing() as writer:
        await sellers.seller(writer, "anna", shelf.cup)
        assert await sellers.divide(writer, order) == []
    assert await shelf.ask("SELECT vendor_id FROM line_terms") == [(None,)]
    assert await shelf.ask("SELECT * FROM payout_entries") == []


async def test_what_the_shop_sold_before_it_had_vendors_stays_its_own(shelf: Shelf) -> None:
    """Given an order of a shop without vendors, when one comes and gets its goods, then the past sale is not theirs."""
    order = await sellers.sold(shelf, {shelf.mug: 1})
    async with shelf.database.writing() as writer:
        await sellers.seller(writer, "anna", shelf.mug)
        assert await sellers.divide(writer, order) == []
    assert await sellers.said(shelf.database, order) == {}
    later = await sellers.sold(shelf, {shelf.mug: 1})
    assert await sellers.said(shelf.database) == {"captured": -1000, "vendor/anna": 1000}
    assert await sellers.said(shelf.database, later) == {"captured": -1000, "vendor/anna": 1000}


async def test_only_money_that_was_taken_is_owed(shelf: Shelf) -> None:
    """Given an order whose money is reserved, then nothing is owed before it is taken, and then what was."""
    async with shelf.database.writing() as writer:
        await sellers.seller(writer, "anna", shelf.mug, terms=TENTH)
    order = await sellers.sold(shelf, {shelf.mug: 2}, captured=0)
    assert await sellers.said(shelf.database, order) == {}
    [(payment,)] = await shelf.ask("SELECT id FROM payments")
    async with shelf.database.writing() as writer:
        await sellers.take(writer, order, payment, 1000)
        await sellers.divide(writer, order)
    assert await sellers.said(shelf.database, order) == {"captured": -1000, "commission/anna": 105, "vendor/anna": 895}


async def test_a_refund_claws_back_and_one_that_comes_back_gives_again(shelf: Shelf) -> None:
    """Given a refund of one of two mugs, then half is owed no more; when the bank sends it back, it is owed again."""
    async with shelf.database.writing() as writer:
        await sellers.seller(writer, "anna", shelf.mug, terms=TENTH)
    order = await sellers.sold(shelf, {shelf.mug: 2, shelf.cup: 1})
    full = {"captured": -3000, "shop": 1000, "commission/anna": 210, "vendor/anna": 1790}
    async with shelf.database.writing() as writer:
        wish = RefundWish("k", "broken", "staff", items=(RefundedItem("SKU-0", 1),))
        refund = await refunds.open(writer, order, wish)
        await sellers.divide(writer, order)
    assert await sellers.said(shelf.database, order) == full
    async with shelf.database.writing() as writer:
        assert await refund_end.succeed(writer, refund, "re_1")
        await sellers.divide(writer, order)
    assert await sellers.said(shelf.database, order) == {
        **full, "refunded": 1000, "commission/anna": 105, "vendor/anna": 895
    }  # fmt: skip
    async with shelf.database.writing() as writer:
        assert await refund_end.come_back(writer, refund, "closed account")
        await sellers.divide(writer, order)
    assert await sellers.said(shelf.database, order) == full
    async with shelf.database.reading() as reader:
        assert await ledger.differing(reader, EVER, 9) == []


async def test_what_was_missed_is_found(shelf: Shelf) -> None:
    """Given a refund of which the books never heard, then the two ledgers are found to differ, until they heard."""
    async with shelf.database.writing() as writer:
        await sellers.seller(writer, "anna", shelf.mug)
    order = await sellers.sold(shelf, {shelf.mug: 2})
    async with shelf.database.writing() as writer:
        refund = await refunds.open(writer, order, RefundWish("k", "sorry", "staff", amount=Money(500, "usd")))
        await refund_end.succeed(writer, refund, "re_1")
    first = EVER
    async with shelf.database.writing() as writer:
        [found] = await ledger.differing(writer, first, 9)
        assert (found.order, found.money, found.said) == (order, (2000, 500, 0), (2000, 0, 0))
        assert await ledger.keep(writer, order, "found")
        assert await ledger.differing(writer, first, 9) == []


async def test_a_payout_is_fixed_once_a_day(shelf: Shelf) -> None:
    """Given ten that want to pay at once, then one payout takes all that is owed; the next day there is nothing."""
    async with shelf.database.writing() as writer:
        anna = await sellers.seller(writer, "anna", shelf.mug, terms=TENTH)
    await sellers.sold(shelf, {shelf.mug: 2})

    async def fix(day: date = TODAY, least: int = 0) -> Payout | None:
        async with shelf.database.writing() as writer:
            return await payouts.fix(writer, anna.id, "usd", day, least)

    assert await fix() is None  # nobody knows where to
    await shelf.tell("UPDATE vendors SET payout_account = 'acct_anna'")
    assert await fix(least=1791) is None
    found = await asyncio.gather(*(fix(least=1790) for _ in range(10)))
    assert len({each.id for each in found if each}) == 1
    [first, *_] = [each for each in found if each]
    assert (first.amount, first.status, first.destination) == (Money(1790, "usd"), PayoutStatus.OPEN, "acct_anna")
    assert await sellers.said(shelf.database) == {"captured": -2000, "commission/anna": 210, "paid/anna": 1790}
    assert await fix(date(2026, 11, 23)) is None


async def test_a_payout_that_fails_is_owed_again_and_a_paid_one_never(shelf: Shelf) -> None:
    """Given a payout that the provider refuses, then it is owed again once; one that was sent stays paid."""
    async with shelf.database.writing() as writer:
        anna = await sellers.seller(writer, "anna", shelf.mug)
        await writer.exec_driver_sql("UPDATE vendors SET payout_account = 'acct_anna'")
    await sellers.sold(shelf, {shelf.mug: 1})
    async with shelf.database.writing() as writer:
        payout = await payouts.fix(writer, anna.id, "usd", TODAY, 0)
        assert payout is not None
        assert await payouts.failed(writer, payout, "no such account")
        assert not await payouts.failed(writer, payout, "no such account")
        assert not await payouts.paid(writer, payout, "tr_1")
        assert await ledger.owed(writer, anna.id, "usd") == Money(1000, "usd")
        again = await payouts.fix(writer, anna.id, "usd", date(2026, 11, 23), 0)
        assert again is not None
        assert again.amount == Money(1000, "usd")
        assert await payouts.paid(writer, again, "tr_2")
        assert not await payouts.failed(writer, again, "too late")
    assert await sellers.said(shelf.database) == {"captured": -1000, "paid/anna": 1000}


async def test_a_refund_after_the_payout_is_taken_from_the_next(shelf: Shelf) -> None:
    """Given a payout and then a refund, then the vendor owes, nothing is paid, and the next sale makes up for it."""
    async with shelf.database.writing() as writer:
        anna = await sellers.seller(writer, "anna", shelf.mug)
        await writer.exec_driver_sql("UPDATE vendors SET payout_account = 'acct_anna'")
    order = await sellers.sold(shelf, {shelf.mug: 1})
    async with shelf.database.writing() as writer:
        payout = await payouts.fix(writer, anna.id, "usd", TODAY, 0)
        assert payout is not None
        await payouts.paid(writer, payout, "tr_1")
        refund = await refunds.open(writer, order, RefundWish("k", "broken", "staff"))
        await refund_end.succeed(writer, refund, "re_1")
        await sellers.divide(writer, order)
        assert await ledger.owed(writer, anna.id, "usd") == Money(-1000, "usd")
        assert await payouts.fix(writer, anna.id, "usd", date(2026, 11, 23), 0) is None
    await sellers.sold(shelf, {shelf.mug: 3})
    async with shelf.database.writing() as writer:
        next_one = await payouts.fix(writer, anna.id, "usd", date(2026, 11, 24), 0)
    assert next_one is not None
    assert next_one.amount == Money(2000, "usd")


async def test_postgres_refuses_what_does_not_add_up(shelf: Shelf) -> None:
    """Given entries of one operation that do not add up, then Postgres itself says no, and so do we."""
    order, _ = await shelf.order()
    wrong = (
        "INSERT INTO payout_entries (id, operation, account, amount, currency, order_id, cause) VALUES "
        f"(uuidv7(), 'x', 'captured', -2, 'usd', '{order}', 'x'), (uuidv7(), 'x', 'shop', 1, 'usd', '{order}', 'x')"
    )
    with pytest.raises(DBAPIError, match="x does not add up to nothing"):
        await shelf.tell(wrong)
    async with shelf.database.writing() as writer:
        with pytest.raises(ValueError, match="does not balance"):
            await ledger.append(writer, "x", {(Account.SHOP, None): 1}, "usd", cause="x", order=order)
    assert await shelf.ask("SELECT * FROM payout_entries") == []

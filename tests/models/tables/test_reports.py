"""What reports of stock, money and people's work say is what the rows say, as they were when the day ended."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from models.database import Database, Writer
from models.ids import OrderId, first_id, new_id
from models.inventory import MAIN
from models.reports.days import Span, span
from models.reports.report import Made, ReportKind
from models.tables import attention
from models.tables.report_makers import MAKERS
from tests import takings

BERLIN = ZoneInfo("Europe/Berlin")
DAY = span(date(2026, 10, 25), date(2026, 10, 25), BERLIN)
"""Of 25 hours."""


async def made(database: Database, kind: ReportKind, day: Span = DAY) -> Made:
    async with database.surveying() as fetch:
        return await MAKERS[kind](fetch, day)


def records(report: Made, name: str) -> list[dict[str, Any]]:
    """A table's rows by the names of its columns."""
    [sheet] = [each for each in report.sheets if each.name == name]
    return [dict(zip([column.name for column in sheet.columns], row, strict=True)) for row in sheet.rows]


def counts(report: Made) -> dict[str, int]:
    """Those of its figures that are no money."""
    return {each.name: each.count for each in report.figures if each.count is not None}


def moments(random: Random) -> list[datetime]:
    """On the edges of the day, within it, and long before and after."""
    edges = [DAY.starts_at, DAY.ends_at, DAY.ends_at - timedelta(days=28)]
    beside = [edge + n * timedelta(microseconds=1) for edge in edges for n in (-1, 0, 1)]
    return beside + [DAY.starts_at + timedelta(hours=random.uniform(-2000, 500)) for _ in range(30)]


def born(random: Random, at: datetime) -> UUID:
    """An id as it is made at that moment."""
    return UUID(int=first_id(at).int + random.getrandbits(70))


async def stocked(writer: Writer, random: Random) -> list[dict[str, Any]]:
    """Levels and the movements that made them; every one of which is told."""
    rows: list[dict[str, Any]] = []
    for variant in await takings.stock_shelves(writer):
        await writer.exec_driver_sql(
            "INSERT INTO stock_levels (variant_id, location_id, on_hand, held) VALUES ($1, $2, 0, 0)", (variant, MAIN)
        )
        steps = [(at, random.choice(["receive", "commit", "hold", "adjust"])) for at in moments(random)]
        steps.append((datetime(2026, 1, 1, tzinfo=UTC), "first"))
        for at, kind in steps:
            units = random.randint(1, 3)
            on_hand, held = {
                "first": (400, 200), "receive": (units, 0), "commit": (-units, -units), "hold": (0, units),
                "adjust": (-units, 0),
            }[kind]  # fmt: skip
            rows.append({"variant": variant, "at": at, "kind": kind, "on_hand": on_hand, "held": held})
            kind = "receive" if kind == "first" else kind
            await writer.exec_driver_sql(
                """INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, operation, actor,
                                                reason, at)
                   VALUES ($1::uuid, $2, $3, $4, $5, $6, ($1::uuid)::text, 'test', '', $7)""",
                (born(random, at), variant, MAIN, kind, on_hand, held, at),
            )
    for variant in {row["variant"] for row in rows}:  # as the ledger adds up
        mine = [row for row in rows if row["variant"] == variant]
        await writer.exec_driver_sql(
            "UPDATE stock_levels SET on_hand = $2, held = $3 WHERE variant_id = $1",
            (variant, sum(row["on_hand"] for row in mine), sum(row["held"] for row in mine)),
        )
    return rows


async def test_stock_is_what_it_was_when_the_day_ended(database: Database) -> None:
    """Given movements before, on and after a day, then each level is what lay there at its end, and what left since."""
    random = Random(1)
    async with database.writing() as writer:
        rows = await stocked(writer, random)
    watched = await database.fetch("SELECT id, sku FROM variants ORDER BY sku")
    names = {row["id"]: row["sku"] for row in watched}
    async with database.writing() as writer:
        for variant, lot in zip(list(names)[:3], (None, 7, 500), strict=True):
            await writer.exec_driver_sql(
                "UPDATE stock_levels SET reorder_point = 1000, reorder_quantity = $2 WHERE variant_id = $1",
                (variant, lot),
            )
        await writer.exec_driver_sql(
            "UPDATE stock_levels SET reorder_point = 1 WHERE variant_id = $1", (list(names)[3],)
        )
    report = await made(database, ReportKind.STOCK_AND_REORDER)
    levels = {row["sku"]: row for row in records(report, "levels")}
    assert set(levels) == set(names.values())
    window = DAY.ends_at - timedelta(days=28)
    for variant, sku in names.items():
        before = [row for row in rows if row["variant"] == variant and row["at"] < DAY.ends_at]
        on_hand, held = sum(row["on_hand"] for row in before), sum(row["held"] for row in before)
        left = sum(-row["on_hand"] for row in before if row["kind"] == "commit" and row["at"] >= window)
        known = levels[sku]
        assert (known["on_hand"], known["held"], known["available"]) == (on_hand, held, on_hand - held)
        assert known["left_in_28_days"] == left
    assert any(row["left_in_28_days"] for row in levels.values())
    reorder = {row["sku"]: row for row in records(report, "reorder")}
    assert set(reorder) == set(list(names.values())[:3])
    for sku, lot in zip(reorder, (1, 7, 500), strict=True):
        missing = 1000 - levels[sku]["available"]
        assert reorder[sku] == levels[sku]
        assert reorder[sku]["suggested"] == min(n for n in range(0, 2000, lot) if n >= missing)
    assert [(each.name, each.count) for each in report.figures] == [
        ("to_reorder", 3), ("sold_out", 0), ("levels", len(names)),
    ]  # fmt: skip


async def test_money_is_what_the_ledger_booked_on_the_day(database: Database) -> None:
    """Given entries before, on and after a day, then it has those of the day, by account, operation and currency."""
    random = Random(2)
    entries: list[tuple[str, str, str, int, datetime]] = []
    async with database.writing() as writer:
        shelves = await takings.stock_shelves(writer)
        content = takings.content(random, shelves, "usd", False)
        order = await takings.sold(writer, content, DAY.starts_at, DAY.starts_at)
        for at in moments(random):
            kind = random.choice(["capture", "refund", "refund_failed", "dispute", "late"])
            currency, amount = random.choice(takings.CURRENCIES), random.randint(1, 99999)
            for account, moved in ((random.choice(["provider:stripe", "provider:chapa"]), amount), ("sales", -amount)):
                entries.append((account, kind, currency, moved, at))
                await writer.exec_driver_sql(
                    """INSERT INTO money_entries (id, operation, account, amount, currency, order_id, at)
                       VALUES ($1::uuid, $2, $3, $4, $5, $6, $7)""",
                    (born(random, at), f"{kind}/{new_id()}", account, moved, currency, order, at),
                )
    expected: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    booked: dict[tuple[str, str], int] = defaultdict(int)
    for account, kind, currency, moved, at in entries:
        if DAY.starts_at <= at < DAY.ends_at:
            expected[account, kind, currency][0] += 1
            expected[account, kind, currency][1] += moved
            if account != "sales":
                booked[account.removeprefix("provider:"), currency] += moved
    report = await made(database, ReportKind.PAYMENTS_RECONCILIATION)
    told = {
        (row["account"], row["operation"], row["currency"]): [row["entries"], row["amount"]]
        for row in records(report, "movements")
    }
    assert told == dict(expected) != {}
    figures = {(each.of, each.amount.currency): each.amount.amount for each in report.figures if each.amount}
    assert figures == dict(booked)
    assert {each.name: each.count for each in report.figures if each.count is not None} == {
        "differ": 0,
        "open_cases": 0,
    }


async def test_both_sides_of_what_a_provider_made_stand_beside_each_other(database: Database) -> None:
    """Given payments that agree, that differ and that nobody here knows, then each side's sum, and how many differ."""
    async with database.writing() as writer:
        shelves = await takings.stock_shelves(writer)
        for n, theirs in enumerate((0, 7, None)):
            content = takings.content(Random(n + 1), shelves, "usd", False)
            amount = content.totals.total.amount
            order = await takings.sold(writer, content, DAY.starts_at, DAY.starts_at)
            await writer.exec_driver_sql("UPDATE payments SET reference = $2 WHERE order_id = $1", (order, f"pi_{n}"))
            await writer.exec_driver_sql(
                """INSERT INTO provider_objects (provider, reference, thing, standing, amount, moved, currency, ours,
                                                 made_at, seen_at)
                   SELECT 'stripe', 'pi_' || $2, 'payment', 'captured', $3, $3, 'usd', CASE WHEN $4 THEN id END, $5, $5
                   FROM payments WHERE order_id = $1""",
                (order, str(n), amount + (theirs or 0), theirs is not None, DAY.ends_at - timedelta(microseconds=1)),
            )
        for thing, at in (("payment", DAY.ends_at), ("refund", DAY.starts_at)):
            await writer.exec_driver_sql(
                """INSERT INTO provider_objects (provider, reference, thing, standing, amount, moved, currency,
                                                 made_at, seen_at)
                   VALUES ('stripe', 'x_' || $1, $1, 'succeeded', 250, 250, 'eur', $2, $2)""",
                (thing, at),
            )
        for kind, opened, closed in (
            ("refund_unknown", DAY.starts_at, None), ("payment_unknown", DAY.starts_at, DAY.ends_at),
            ("payment_twice", DAY.starts_at, DAY.starts_at + timedelta(hours=1)), ("ledger", DAY.ends_at, None),
            ("refund_missing", DAY.starts_at - timedelta(days=2), DAY.starts_at - timedelta(days=1)),
        ):  # fmt: skip
            await writer.exec_driver_sql(
                """INSERT INTO cases (id, kind, object, provider, facts, made_at, opened_at, seen_at, closed_at)
                   VALUES (uuidv7(), $1, 'o', 'stripe', '{}', $2, $2, $2, $3)""",
                (kind, opened, closed),
            )
    captured = [row["captured"] for row in await database.fetch("SELECT captured FROM payments ORDER BY reference")]
    report = await made(database, ReportKind.PAYMENTS_RECONCILIATION)
    assert records(report, "providers") == [
        {"provider": "stripe", "thing": "payment", "currency": "usd", "objects": 3, "differ": 2,
         "theirs": sum(captured) + 7, "ours": captured[0] + captured[1], "difference": 7 + captured[2]},
        {"provider": "stripe", "thing": "refund", "currency": "eur", "objects": 1, "differ": 1, "theirs": 250,
         "ours": 0, "difference": 250},
    ]  # fmt: skip
    cases = {row["kind"]: row["closed_at"] for row in records(report, "cases")}
    assert {kind: closed is None for kind, closed in cases.items()} == {
        "refund_unknown": True, "payment_unknown": True, "payment_twice": False,
    }  # fmt: skip
    assert {each.name: each.count for each in report.figures if each.count is not None} == {
        "differ": 3,
        "open_cases": 2,
    }


async def test_what_waits_for_people_is_told_with_why(database: Database) -> None:
    """Given orders that ask for a person and one that does not, then the report names the first, most urgent first."""
    async with database.writing() as writer:
        shelves = await takings.stock_shelves(writer)
        for n, why in enumerate(("capture the payment: no answer", "void the payment: no answer", None)):
            content = takings.content(Random(n), shelves, "usd", False)
            order = await takings.sold(writer, content, DAY.starts_at, DAY.starts_at)
            if why is not None:
                await attention.ask(writer, OrderId(order), "attention", why)
    report = await made(database, ReportKind.ATTENTION_DIGEST)
    things = records(report, "things")
    assert [(row["kind"], row["urgency"]) for row in things] == [("undo_failed", "critical"), ("stuck", "high")]
    assert all(row["order"].startswith("HF-") and row["why"] and row["since"] for row in things)
    assert records(report, "kinds") == [
        {"urgency": "critical", "kind": "undo_failed", "waiting": 1},
        {"urgency": "high", "kind": "stuck", "waiting": 1},
    ]
    assert [(each.of, each.count) for each in report.figures] == [("critical", 1), ("high", 1), ("normal", 0)]

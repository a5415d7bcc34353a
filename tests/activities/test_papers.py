"""The steps by which papers come about: each harmless when run again, and one order's trouble is no other's."""

import asyncio
import hashlib
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from temporalio.testing import ActivityEnvironment

from activities.papers import (
    FindUnprinted,
    Followed,
    FollowOrders,
    PaperActivities,
    PapersRead,
    Prints,
    ReadPapers,
    Unprinted,
    WritePapers,
)
from activities.refunds import EndRefund, RefundActivities
from models.errors import Unavailable
from models.ids import OrderId, OrderNumber, new_id
from models.papers import apart
from models.papers.paper import Paper, Shop, named
from models.refund import ProviderRefund, ProviderRefundStanding, RefundWish
from models.storage import Kept, Storage
from models.tables import paper as papers
from models.tables.base import as_json
from tests.activities.conftest import Try
from tests.activities.test_refunds import KEY, reserved, sold, usd
from tests.activities.till import MUG_TO_NEW_YORK, Till
from workflows.issue_papers import BATCH, ISSUE_PAPERS_ID, NEWS

SHOP = Shop("Holdfast Ltd", ("1 High Street",), "GB1")
NEXT = FollowOrders(ISSUE_PAPERS_ID, NEWS, BATCH)
ARRIVED = ProviderRefund(ProviderRefundStanding.SUCCEEDED, "re_1")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A folder."""
    return Storage(tmp_path, None)


@pytest.fixture
def steps(till: Till, storage: Storage) -> PaperActivities:
    """Of a shop with a name."""
    return PaperActivities(till.database, storage, SHOP)


_UNTOLD = """
SELECT count(*) FROM order_events e LEFT JOIN order_readers r ON r.name = $2
WHERE e.type = ANY ($1::text[]) AND (e.xid, e.id) > (coalesce(r.xid, '0'), coalesce(r.id, $3))
"""


async def follow(till: Till, steps: PaperActivities, at_once: int = 1, within: float = 60) -> Followed:
    """What followers do until they have been told all that happened, and what came of it in all.

    They are told nothing while anybody's transaction is under way that began before, be it in another test's database.
    """
    done = Followed(0, 0)
    async with asyncio.timeout(within):
        while True:
            for each in await asyncio.gather(*(
                ActivityEnvironment().run(steps.follow_orders, NEXT) for _ in range(at_once)
            )):  # fmt: skip
                done = Followed(done.news + each.news, done.written + each.written, done.failed + each.failed)
            if await till.ask(_UNTOLD, list(NEWS), ISSUE_PAPERS_ID, UUID(int=0)) == [(0,)]:
                return done
            await asyncio.sleep(0.02)


async def written(till: Till) -> list[tuple[str, int]]:
    """Papers by kind and total, oldest first."""
    return [(kind, total) for kind, total in await till.ask("SELECT kind, total FROM papers ORDER BY issued_at, id")]


async def test_a_paid_order_is_invoiced_once(till: Till, steps: PaperActivities) -> None:
    """Given a paid order, then its news become an invoice, once, also for whoever asks for it before or after."""
    order = await sold(till)
    asked: Unprinted = await ActivityEnvironment().run(steps.write_papers, WritePapers(order))
    assert await written(till) == [("invoice", MUG_TO_NEW_YORK)]
    assert await follow(till, steps) == Followed(2, 0)
    assert await follow(till, steps) == Followed(0, 0)
    assert await ActivityEnvironment().run(steps.write_papers, WritePapers(order)) == asked
    assert await written(till) == [("invoice", MUG_TO_NEW_YORK)]
    assert len(asked.papers) == 1


async def test_the_invoice_has_the_rates_that_were_charged(till: Till, steps: PaperActivities) -> None:
    """Given rates that were changed since the order was placed, then its invoice says those that it was charged."""
    order = await sold(till)
    await till.ask("UPDATE tax_rates SET ppm = 200000, name = 'Another'")
    await follow(till, steps)
    [outline] = await papers.of_order(till.database, order)
    async with till.database.reading() as reader:
        sums = (await papers.read(reader, outline.id)).sums
    taxed = {rate.name: (rate.ppm, rate.net, rate.tax) for rate in sums.rates}
    assert taxed == {"Sales tax": (100_000, usd(1000), usd(100)), "": (None, usd(500), usd(0))}
    assert (sums.total, sums.tax_included) == (usd(MUG_TO_NEW_YORK), False)


async def test_a_refund_that_arrived_is_credited(till: Till, steps: PaperActivities) -> None:
    """Given a refund, then its credit note is written when it has arrived, and not before."""
    order = await sold(till)
    refund = await reserved(till, order, RefundWish("a", "broken", "staff", amount=usd(300)))
    assert (await follow(till, steps)).written == 1
    await ActivityEnvironment().run(RefundActivities(till.database, KEY).settle_refund, EndRefund(refund, ARRIVED))
    assert (await follow(till, steps)).written == 1
    assert await written(till) == [("invoice", MUG_TO_NEW_YORK), ("credit_note", 300)]


async def test_two_workers_follow_at_once(till: Till, steps: PaperActivities) -> None:
    """Given orders that several workers follow at once, then each has one invoice, and no number is left out."""
    for place in range(5):
        await one_more(till, place)
    assert await follow(till, steps, at_once=4) == Followed(5, 5)
    assert await till.ask("SELECT number FROM papers ORDER BY number") == [(n,) for n in range(1, 6)]


async def one_more(till: Till, place: int) -> OrderId:
    """Another paid order."""
    cart = await till.cart()
    placed = await till.placed(cart, number=OrderNumber(f"HF-SHELF-{chr(ord('A') + place) * 5}"))
    await till.ask("UPDATE orders SET status = 'confirmed' WHERE id = $1", placed.order_id)
    await till.ask(
        "UPDATE payments SET status = 'paid', captured = amount, reference = $2 WHERE order_id = $1",
        placed.order_id, f"pi_{placed.order_id}",
    )  # fmt: skip
    await till.ask(
        "INSERT INTO order_events (id, order_id, key, type, actor, facts) "
        "VALUES ($1, $2, 'confirmed', 'order_confirmed', 'order', '{}')", new_id(), placed.order_id,
    )  # fmt: skip
    return placed.order_id


async def test_an_order_that_contradicts_itself_holds_up_no_other(till: Till, steps: PaperActivities) -> None:
    """Given an order whose tax is not what its rates say, then it needs attention, the next one has its invoice, and
    when it is put right, it has one, too, and nobody is asked any more."""
    bad, good = await one_more(till, 0), await one_more(till, 1)
    [[right]] = await till.ask("SELECT taxes::text FROM orders WHERE id = $1", bad)
    await till.ask("UPDATE orders SET taxes = $2::text::jsonb WHERE id = $1", bad, right.replace("100,", "101,"))
    assert await till.ask("SELECT taxes::text = $2 FROM orders WHERE id = $1", bad, right) == [(False,)]
    assert await follow(till, steps) == Followed(2, 1, 1)
    assert await till.ask("SELECT order_id FROM papers") == [(good,)]
    [[attention]] = await till.ask("SELECT attention FROM orders WHERE id = $1", bad)
    assert attention.startswith("papers cannot be written: ValueError: rows come to")
    assert await till.ask("SELECT attention FROM orders WHERE id = $1", good) == [(None,)]

    await till.ask("UPDATE orders SET taxes = $2::text::jsonb WHERE id = $1", bad, right)
    await ActivityEnvironment().run(steps.write_papers, WritePapers(bad))
    assert await till.ask("SELECT number FROM papers WHERE order_id = $1", bad) == [(2,)]
    assert await till.ask("SELECT attention FROM orders WHERE id = $1", bad) == [(None,)]


async def printed(steps: PaperActivities) -> Prints:
    """All that is to be printed, drawn and kept, not yet written down."""
    run = ActivityEnvironment().run
    found: Unprinted = await run(steps.find_unprinted, FindUnprinted(10))
    read: PapersRead = await run(steps.read_papers, ReadPapers(found.papers))
    done: Prints = await run(steps.print_papers, read)
    return done


async def test_a_paper_is_one_file_however_often_it_is_printed(
    till: Till, steps: PaperActivities, storage: Storage, tmp_path: Path
) -> None:
    """Given a paper whose printing is run again before it is written down, then it is the same file; and written down
    twice changes nothing."""
    order = await sold(till)
    await follow(till, steps)
    once, again = await printed(steps), await printed(steps)
    assert once == again
    await till.twice(steps.file_papers, once)
    [paper] = await papers.of_order(till.database, order)
    assert paper.sha256 is not None
    assert [path.name for path in (tmp_path / ".papers").iterdir()] == [Path(named(paper.number, paper.sha256)).name]
    kept = await storage.get(named(paper.number, paper.sha256))
    assert isinstance(kept, Kept)
    data = b"".join([piece async for piece in kept.body])
    assert hashlib.sha256(data).hexdigest() == paper.sha256
    assert data.startswith(b"%PDF")
    assert (await ActivityEnvironment().run(steps.find_unprinted, FindUnprinted(10))).papers == ()


async def test_a_storage_that_is_away_keeps_no_paper_from_being_written(till: Till, attempt: Try) -> None:
    """Given a storage that is away, then papers are written all the same, and stay to be printed."""
    away = PaperActivities(till.database, Storage(Path("/proc/nothing"), None), SHOP)
    await sold(till)
    assert (await follow(till, away)).written == 1
    with pytest.raises(Unavailable):
        await printed(away)
    assert len((await attempt().run(away.find_unprinted, FindUnprinted(10))).papers) == 1


async def test_a_paper_that_cannot_be_drawn_holds_up_no_other(till: Till, steps: PaperActivities) -> None:
    """Given a paper that says what nobody can draw, then the others are printed, and it stays without a file."""
    await one_more(till, 0)
    await one_more(till, 1)
    await follow(till, steps)
    run = ActivityEnvironment().run
    found: Unprinted = await run(steps.find_unprinted, FindUnprinted(10))
    read: PapersRead = await run(steps.read_papers, ReadPapers(found.papers))
    spoiled = as_json(read.papers[0]).replace('"rate":0', '"rate":99', 1)
    wrong = PapersRead(tuple(_read(spoiled) if place == 0 else each for place, each in enumerate(read.papers)))
    done: Prints = await run(steps.print_papers, wrong)
    assert [each.printed is None for each in done.prints] == [True, False]
    await run(steps.file_papers, done)
    left: Unprinted = await run(steps.find_unprinted, FindUnprinted(10))
    assert left.papers == (found.papers[0],)
    assert (await run(steps.find_unprinted, FindUnprinted(10, left.papers))).papers == ()


def _read(text: str) -> Paper:
    return msgspec.json.decode(text, type=Paper)


async def test_a_press_that_breaks_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a press that does not come to its end, then that is said, with its last words."""
    monkeypatch.setattr(apart, "_PROGRAM", (*apart._PROGRAM[:4], "-c", "raise SystemExit('out of ink')"))
    with pytest.raises(Unavailable, match="out of ink"):
        await apart.drawn([])

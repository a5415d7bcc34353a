"""Letters: each goes out once a cause, later when the mail server is down, and none waits for another."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from temporalio.client import WorkflowHandle

import activities.mail
from activities.mail import Sent
from dev.stack import Stack
from models.ids import UserId, new_id
from models.order import OrderStatus
from models.tables import outbox
from tests.flow import Flow
from tests.workflows.stories import Shelf
from tests.workflows.trouble import Trouble
from workflows import notify
from workflows.notify import NOTIFY_ID, Notify
from workflows.patience import ORDERS


class Post:
    """The mail sink, and the rows that say what is still to be sent."""

    def __init__(self, sink: httpx.Client, flow: Flow) -> None:
        self.sink = sink
        self.flow = flow

    def weather(self, mode: str, seconds: float = 0, **how: object) -> None:
        """How the mail server behaves from now on: ok, slow, refuse or drop."""
        self.sink.post("/_sim/faults", json={"mode": mode, "seconds": seconds, **how}).raise_for_status()

    def about(self, number: str) -> list[dict[str, Any]]:
        """Mails about one order that have arrived."""
        return [mail for mail in self.sink.get("/messages").json()["items"] if number in mail["subject"]]

    async def until(self, condition: str, count: int, within: float = 60) -> None:
        """Wait until so many rows of the outbox are like this."""
        async with asyncio.timeout(within):
            while (await self.flow.database.fetch(f"SELECT count(*) AS n FROM outbox WHERE {condition}"))[0][
                "n"
            ] < count:
                await asyncio.sleep(0.05)

    async def bought(self) -> Shelf:
        """A confirmed order, whose letter is due."""
        shelf = await Shelf.open(self.flow)
        handle, _ = await shelf.buy()
        await self.flow.until(handle, OrderStatus.CONFIRMED)
        return shelf


@pytest.fixture
def sink(simulators: Stack) -> Iterator[httpx.Client]:
    """The mail server's other side; behaves again afterwards."""
    with httpx.Client(base_url=simulators.urls["mails"], timeout=60) as client:
        yield client
        client.post("/_sim/faults", json={"mode": "ok"})


@pytest.fixture
def post(flow: Flow, sink: httpx.Client) -> Post:
    """Nothing is sent yet: `start` does."""
    return Post(sink, flow)


@pytest.fixture
async def sender(flow: Flow) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """The workflow that sends letters, started by the test that wants it."""
    yield flow.client.get_workflow_handle(NOTIFY_ID)
    await flow.client.get_workflow_handle(NOTIFY_ID).terminate("the test is over")


async def start(flow: Flow) -> None:
    """Begin to send."""
    with flow.skipper.with_time_skipping_disabled():
        await flow.client.start_workflow(Notify.run, id=NOTIFY_ID, task_queue=ORDERS)


async def test_each_cause_is_one_letter(post: Post, sender: WorkflowHandle[Any, Any], trouble: Trouble) -> None:
    """Two orders, two letters, though every step runs twice: a step that failed says which letters had left by then."""
    first, second = await post.bought(), await post.bought()
    trouble.plan(NOTIFY_ID, "send_letters", "after")
    trouble.plan(NOTIFY_ID, "await_letters", "before")
    trouble.plan(NOTIFY_ID, "settle_letters", "before", "after")

    await start(post.flow)
    await post.until("settled_at IS NOT NULL AND error IS NULL", 2)

    for shelf in (first, second):
        mails = post.about(shelf.number)
        assert {mail["to"][0] for mail in mails} == {"ada@example.com"}
        assert len(mails) == 1
    assert trouble.to_come() == []


async def test_what_left_is_known_should_the_worker_die(post: Post, sender: WorkflowHandle[Any, Any]) -> None:
    """Given a batch that takes a while, then what left of it is told before it ends: nobody sends that again."""
    async with post.flow.database.writing() as writer:
        for n in range(6):
            await outbox.write_farewell(writer, UserId(new_id()), f"dying{n}@example.com", "en")
    post.weather("slow", 3, at="data")
    await start(post.flow)
    told = list[Sent]()
    async with asyncio.timeout(90):
        while not told:
            await asyncio.sleep(0.1)
            for step in (await sender.describe()).raw_description.pending_activities:
                if step.activity_type.name == "send_letters" and step.heartbeat_details.payloads:
                    kept = step.heartbeat_details.payloads
                    [told] = await post.flow.client.data_converter.decode(kept, [list[Sent]])
    assert 0 < len(told) < 6 and all(each.error is None for each in told)
    await post.until("settled_at IS NOT NULL AND error IS NULL", 6)


async def test_a_mail_server_that_is_down_delays_and_loses_nothing(
    post: Post, sender: WorkflowHandle[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused for now: tried again, longer each time, over several lives of the workflow; then sent, once."""
    monkeypatch.setattr(notify, "ROUNDS", 2)
    post.weather("refuse")
    shelf = await post.bought()
    await start(post.flow)
    await post.until("settled_at IS NULL AND tries >= 2 AND error LIKE '451%'", 1)

    post.weather("ok")
    await post.until("settled_at IS NOT NULL AND error IS NULL", 1)

    assert len(post.about(shelf.number)) == 1
    later = await post.bought()
    await post.until("settled_at IS NOT NULL AND error IS NULL", 2)
    assert len(post.about(later.number)) == 1
    begun = await sender.describe()
    assert begun.raw_description.workflow_execution_info.first_run_id != begun.run_id


MOODS: list[dict[str, Any]] = [
    {"mode": "refuse", "at": "connect", "code": 554}, {"mode": "refuse", "at": "mail", "code": 451},
    {"mode": "refuse", "at": "rcpt", "code": 450}, {"mode": "refuse", "at": "data", "code": 452},
    {"mode": "drop", "at": "connect"}, {"mode": "drop", "at": "data"}, {"mode": "drop", "at": "data", "kept": True},
    {"mode": "slow", "at": "connect", "seconds": 30}, {"mode": "slow", "at": "data", "seconds": 30},
]  # fmt: skip


@pytest.mark.parametrize("mood", MOODS, ids=[" ".join(map(str, mood.values())) for mood in MOODS])
async def test_no_order_waits_for_a_mail_server(
    post: Post, sender: WorkflowHandle[Any, Any], mood: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does, orders are confirmed while nothing leaves; once it is well each letter arrives, as one mail."""
    if mood["mode"] == "slow":  # who waits for half a minute here stands for one who waits for five
        monkeypatch.setattr(activities.mail, "TIMEOUT", 2.0)
        monkeypatch.setattr(activities.mail, "TAKING", 2.0)
    post.weather(**mood)
    await start(post.flow)
    first = await post.bought()
    await post.until("settled_at IS NULL AND tries >= 1", 1)
    others = [await post.bought() for _ in range(2)]
    await post.until("settled_at IS NULL", 3)
    assert (await post.flow.database.fetch("SELECT count(*) AS n FROM outbox WHERE settled_at IS NOT NULL"))[0][
        "n"
    ] == 0

    post.weather("ok")
    await post.flow.database.fetch("UPDATE outbox SET due_at = now() RETURNING 1")
    await post.until("settled_at IS NOT NULL AND error IS NULL", 3)

    for shelf in (first, *others):
        mails = post.about(shelf.number)
        assert len({mail["message_id"] for mail in mails}) == 1
        # Who took a letter and did not say so in time has it twice, as the same mail.
        assert len(mails) == 1 or mood.get("kept") or mood["mode"] == "slow"


async def test_a_letter_nobody_reads_is_told_by_its_order(post: Post, sender: WorkflowHandle[Any, Any]) -> None:
    """Refused for good: given up, told by the order's timeline, its address marked; the order goes on."""
    post.weather("refuse", at="rcpt", code=550)
    shelf = await post.bought()
    await start(post.flow)
    await post.until("settled_at IS NOT NULL AND error LIKE 'refused by the mail server: 550 %'", 1)
    rows = await post.flow.database.fetch(
        "SELECT e.actor, e.facts ->> 'template' AS template, b.address FROM order_events e "
        "JOIN orders o ON o.id = e.order_id JOIN mail_bounces b ON b.address = o.email "
        "WHERE o.number = $1 AND e.type = 'letter_refused'", shelf.number,
    )  # fmt: skip
    assert [tuple(row) for row in rows] == [("mail", "order_confirmed", "ada@example.com")]
    assert (await shelf.row())["status"] == "confirmed"


async def test_a_letter_that_cannot_be_written_holds_up_no_other(post: Post, sender: WorkflowHandle[Any, Any]) -> None:
    """A template that is missing, for weeks, and an address that is none: the letters after them go out."""
    bad, unknown, good = await post.bought(), await post.bought(), await post.bought()
    await post.flow.database.fetch(
        "UPDATE outbox SET payload = '{\"template\": \"no_such\"}', tries = 5000 FROM orders o "
        "WHERE o.id = order_id AND number = $1 RETURNING 1", bad.number,
    )  # fmt: skip
    await post.flow.database.fetch(
        "UPDATE orders SET email = $1 WHERE number = $2 RETURNING 1", f"{'x' * 600}@example.com", unknown.number
    )

    await start(post.flow)
    await post.until("error IS NOT NULL OR settled_at IS NOT NULL", 3)

    assert len(post.about(good.number)) == 1
    rows = await post.flow.database.fetch(
        "SELECT number, error, settled_at IS NULL AS waits FROM outbox JOIN orders o ON o.id = order_id"
    )
    said = {row["number"]: (row["error"], row["waits"]) for row in rows}
    assert said[bad.number][0].startswith("cannot be written: KeyError") and said[bad.number][1]
    assert said[good.number] == (None, False)


async def test_a_slow_mail_server_gets_no_letter_twice(
    post: Post, sender: WorkflowHandle[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that takes too long is settled as far as it came; the rest goes with the next one."""
    monkeypatch.setattr(activities.mail, "ENOUGH", 0.2)
    shelves = [await post.bought() for _ in range(4)]
    post.weather("slow", 0.25)

    await start(post.flow)
    await post.until("settled_at IS NOT NULL AND error IS NULL", 4)

    assert [len(post.about(shelf.number)) for shelf in shelves] == [1, 1, 1, 1]

"""Letters: each goes out once a cause, later when the mail server is down, and none waits for another."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from temporalio.client import WorkflowHandle

import activities.mail
from dev.stack import Stack
from models.order import OrderStatus
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

    def weather(self, mode: str, seconds: float = 0) -> None:
        """How the mail server behaves from now on: ok, slow or refuse."""
        self.sink.post("/_sim/faults", json={"mode": mode, "seconds": seconds}).raise_for_status()

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
    """Two orders, two letters; the batch whose answer was lost goes out again under the same Message-ID."""
    first, second = await post.bought(), await post.bought()
    trouble.plan(NOTIFY_ID, "send_letters", "after")
    trouble.plan(NOTIFY_ID, "await_letters", "before")
    trouble.plan(NOTIFY_ID, "settle_letters", "before", "after")

    await start(post.flow)
    await post.until("settled_at IS NOT NULL AND error IS NULL", 2)

    for shelf in (first, second):
        mails = post.about(shelf.number)
        assert {mail["to"][0] for mail in mails} == {"ada@example.com"}
        assert len(mails) == 2 and len({mail["message_id"] for mail in mails}) == 1
    assert trouble.to_come() == []


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
    assert said[bad.number][0].startswith("cannot be written: TemplateNotFound") and said[bad.number][1]
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

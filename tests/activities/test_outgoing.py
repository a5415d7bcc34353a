"""Webhooks: whatever a receiver does, it gets all that was committed, of each order in order, signed; or it is paused.

Who sends is killed, doubled and late here; who receives is down for days, slow, erratic, endless, gone.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from temporalio.testing import ActivityEnvironment

from activities.outgoing.deliveries import CLAIM, EnlistDeliveries, SendDeliveries
from models.outgoing import LONGEST, Topic
from models.tables import erasure
from models.tables import webhook_delivery as deliveries
from models.tables import webhook_endpoint as endpoints
from models.wording.composing import compose
from tests import people, shop
from tests import receiver as receivers
from tests.activities.outside import Outside
from tests.activities.till import Till
from tests.models.tables.shelf import Shelf
from tests.receiver import Receiver

DAY = timedelta(days=1)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Listens, and answers well."""
    async with receivers.listening() as opened:
        yield opened


@pytest.fixture
async def outside(till: Till) -> Outside:
    """A shop whose orders somebody outside is told of."""
    return Outside(Shelf(till.database, till.mug, till.cup))


async def test_all_that_happens_is_told_in_order_signed(outside: Outside, receiver: Receiver) -> None:
    """Given two orders, then each fact is one message, in order, and the scheme's own library lets it through."""
    await outside.subscribe(receiver.url)
    first, second = await outside.order(), await outside.order()
    for order in (first, second):
        await outside.tell(order, "order_shipped", carrier="DHL", tracking="1Z")
    await outside.tell(first, "order_delivered")
    await outside.enlisted(5)
    await outside.until("delivered", 5)

    assert sorted(receiver.ids()) == sorted(await outside.committed())
    expected = ["order.confirmed", "order.shipped", "order.delivered"]
    assert receiver.of_order(outside.numbers[first]) == expected
    assert receiver.of_order(outside.numbers[second]) == expected[:2]
    for got in receiver.got:
        told = got.verified(outside.secret())
        assert told["id"] == got.id and got.headers["content-type"] == "application/json"
    shipped = next(got.told for got in receiver.got if got.told["type"] == "order.shipped")
    assert shipped["data"]["fact"] == {"carrier": "DHL", "tracking": "1Z"} and shipped["data"]["actor"] == "order"
    assert shipped["data"]["order"]["totals"]["total"] == {"amount": 1000, "currency": "usd"}
    assert shipped["data"]["order"]["addresses"]["shipping"]["city"] == "New York"
    assert "email" not in json.dumps(shipped)


async def test_a_signature_is_good_for_its_message_alone(outside: Outside, receiver: Receiver) -> None:
    """Given another body, id, time or secret, then the scheme's own library refuses it."""
    await outside.subscribe(receiver.url)
    await outside.order()
    await outside.enlisted(1)
    await outside.until("delivered", 1)
    [got] = receiver.got
    webhook = Webhook(outside.secret())
    assert webhook.verify(got.body, got.headers)
    for body, headers in (
        (got.body.replace(b"confirmed", b"cancelled"), {}), (got.body, {"webhook-id": "another"}),
        (got.body, {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 1)}),
    ):  # fmt: skip
        with pytest.raises(WebhookVerificationError):
            webhook.verify(body, {**got.headers, **headers})
    with pytest.raises(WebhookVerificationError):
        Webhook(outside.secret(2)).verify(got.body, got.headers)


async def test_both_secrets_sign_while_they_overlap(outside: Outside, receiver: Receiver) -> None:
    """Given a rotation, then messages are good by both secrets until it is over, and by the new one alone then."""
    await outside.subscribe(receiver.url)
    async with outside.database.writing() as writer:
        assert await endpoints.rotate(writer, outside.endpoint, outside.now() + DAY) == 2
    order = await outside.order()
    await outside.enlisted(1)
    await outside.until("delivered", 1)
    assert receiver.got[0].verified(outside.secret(1)) == receiver.got[0].verified(outside.secret(2))

    outside.passed += DAY
    await outside.tell(order, "order_delivered")
    await outside.enlisted(2)
    await outside.until("delivered", 2)
    assert receiver.got[1].verified(outside.secret(2))["type"] == "order.delivered"
    with pytest.raises(WebhookVerificationError):
        receiver.got[1].verified(outside.secret(1))


async def test_nothing_leaves_before_the_point_of_no_return(outside: Outside, receiver: Receiver) -> None:
    """Given orders that were placed, paid, or cancelled without ever being confirmed, then nobody is told of them."""
    await outside.subscribe(receiver.url)
    never = outside.shelf.row({outside.shelf.mug: 1})
    lost, _ = await outside.shelf.order(number=never.number)
    await outside.tell(lost, "order_placed")
    await outside.tell(lost, "payment_authorized")
    await outside.tell(lost, "order_cancelled", reason="payment_window_closed")
    sold = await outside.order()
    await outside.tell(sold, "order_cancelled", reason="cancelled_by_buyer")
    await outside.tell(sold, "note", text="internal")
    await outside.tell(sold, "order_completed")
    await outside.enlisted(3)
    await outside.until("delivered", 3)
    assert [got.told["type"] for got in receiver.got] == ["order.confirmed", "order.cancelled", "order.completed"]
    assert {got.told["data"]["order"]["number"] for got in receiver.got} == {outside.numbers[sold]}


async def test_a_receiver_is_told_its_topics_from_its_beginning_on(outside: Outside, receiver: Receiver) -> None:
    """Given what happened before there was a receiver, and other topics, then it hears of neither."""
    order = await outside.order()
    await outside.subscribe(receiver.url, Topic.ORDER_SHIPPED, Topic.ORDER_CONFIRMED)
    await outside.tell(order, "order_shipped")
    await outside.tell(order, "order_delivered")
    other = await outside.order()
    await outside.enlisted(2)
    await outside.until("delivered", 2)
    assert receiver.of_order(outside.numbers[order]) == ["order.shipped"]
    assert receiver.of_order(outside.numbers[other]) == ["order.confirmed"]


async def test_a_receiver_that_is_down_for_three_days_misses_nothing(outside: Outside, receiver: Receiver) -> None:
    """Given 72 hours without anybody at its port, then all that was committed comes, in order, without a person."""
    await outside.subscribe(receiver.url)
    await receiver.down()
    count, told = 0, []
    for hours in (0, 24, 60):
        await outside.live(timedelta(hours=hours))
        for _ in range(4):
            told.append(order := await outside.order())
            await outside.tell(order, "order_shipped")
            count += 2
        for earlier in told[:-4]:
            await outside.tell(earlier, "order_delivered", at=hours)
            count += 1
        await outside.enlisted(count)
    await outside.live(LONGEST - timedelta(minutes=1))
    assert receiver.got == [] and len(await outside.rows("waiting")) == count
    assert await outside.letters() == ["endpoint_failing"]

    await receiver.up()
    await outside.live(LONGEST + timedelta(hours=12))

    assert await outside.rows("waiting", "dead") == []
    assert sorted(receiver.ids()) == sorted(await outside.committed())
    assert [receiver.of_order(outside.numbers[order]) for order in told] == await outside.told(told)
    assert len(receiver.took) == count
    for got in receiver.got:
        got.verified(outside.secret())


async def test_one_that_never_comes_back_is_paused_and_keeps_its_queue(outside: Outside, receiver: Receiver) -> None:
    """Given more than three days of failures, then nothing more is tried, staff are told, and a resume sends it all."""
    await outside.subscribe(receiver.url)
    await receiver.down()
    told = [await outside.order() for _ in range(3)]
    await outside.enlisted(3)
    await outside.live(6 * DAY)
    [(status, reason)] = await outside.shelf.ask("SELECT status, paused_reason FROM webhook_endpoints")
    assert status == "paused" and reason.startswith("nothing but failures for three days, the last one: ConnectError")
    assert await outside.letters() == ["endpoint_failing", "endpoint_paused"]
    for template, payload in await outside.shelf.ask("SELECT payload ->> 'template', payload FROM outbox"):
        letter = compose(template, "en", {"number": None, **json.loads(payload)})
        assert "127.0.0.1" in letter.subject and f"/webhook-endpoints/{outside.endpoint}/" in letter.text
    tries = sum(each["tries"] for each in await outside.rows("waiting"))
    assert tries > 20
    await outside.tell(told[0], "order_shipped")
    await outside.enlisted(4)
    await receiver.up()
    await outside.send()
    assert receiver.got == []

    await outside.resume()
    await outside.until("delivered", 4)
    assert sorted(receiver.ids()) == sorted(await outside.committed())
    assert receiver.of_order(outside.numbers[told[0]]) == ["order.confirmed", "order.shipped"]


async def test_an_event_that_is_never_taken_holds_back_its_order_alone(outside: Outside, receiver: Receiver) -> None:
    """Given 500 for one event, for ever, then others go on; after three days it is dead, and its order goes on, too."""
    await outside.subscribe(receiver.url)
    bad, good = await outside.order(), await outside.order()
    for order in (bad, good):
        await outside.tell(order, "order_shipped")
    [poison, *_] = [str(id) for (id,) in await outside.shelf.ask(
        "SELECT id FROM order_events WHERE order_id = $1 ORDER BY id", bad)]  # fmt: skip
    receiver.mood = lambda got: "500" if got.id == poison else "ok"
    await outside.enlisted(4)
    await outside.until("delivered", 2)
    assert receiver.of_order(outside.numbers[good]) == ["order.confirmed", "order.shipped"]
    for hours in range(12, 72, 12):
        await outside.live(timedelta(hours=hours))
        await outside.tell(good, "order_edited", n=hours)
        await outside.enlisted(4 + hours // 12)
    assert receiver.of_order(outside.numbers[bad]) == []

    await outside.live(LONGEST + DAY)
    [dead] = await outside.rows("dead")
    assert str(dead["event_id"]) == poison and dead["response_status"] == 500
    assert dead["error"] == "answered 500: not taken" and dead["excerpt"] == "no \ufffd\ufffd[31mthanks"
    assert receiver.of_order(outside.numbers[bad]) == ["order.shipped"]
    assert await outside.letters() == []
    receiver.mood = lambda _: "ok"
    async with outside.database.writing() as writer:
        await deliveries.replay_dead(writer, outside.endpoint, outside.now())
    await outside.until("delivered", 9)
    assert receiver.ids()[-1] == poison


async def test_two_workers_and_an_erratic_receiver(outside: Outside, receiver: Receiver) -> None:
    """Given two who fill and send while orders go on, and every third answer bad, then all of it comes, in order."""
    outcomes = ["ok", "500", "ok", "cut", "ok", "slow 0.05", "429", "redirect"]
    receiver.mood = lambda got: outcomes[len(receiver.got) % len(outcomes)]
    await outside.subscribe(receiver.url)
    one, other = outside.worker(), outside.worker()
    told = [await outside.order() for _ in range(6)]

    async def go_on() -> None:
        for n in range(3):
            await asyncio.gather(*(outside.tell(order, "order_edited", n=n) for order in told))

    async def work(who: object) -> None:
        doing = one if who == 1 else other
        async with asyncio.timeout(60):
            while len(await outside.rows("delivered")) < 24:
                await ActivityEnvironment().run(doing.enlist_deliveries, EnlistDeliveries((), 0, 0.01))
                outside.passed += timedelta(seconds=30)
                await outside.send(doing)

    await asyncio.gather(go_on(), work(1), work(2))

    assert sorted(receiver.ids()) == sorted(await outside.committed())
    events = {str(row["event_id"]): row["order_id"] for row in await outside.rows()}
    for order in told:
        rows = await outside.shelf.ask("SELECT id FROM order_events WHERE order_id = $1 ORDER BY xid, id", order)
        assert [id for id in receiver.ids() if events[id] == order] == [str(id) for (id,) in rows]
    assert all(got.path == "/hook" for got in receiver.got)


async def test_whoever_is_killed_between_commit_and_send_loses_nothing(outside: Outside, receiver: Receiver) -> None:
    """Given a worker that dies over a message, then another sends it again under the same id, when it may."""
    await outside.subscribe(receiver.url)
    order = await outside.order()
    await outside.tell(order, "order_shipped")
    await outside.enlisted(2)  # and the one that put them there is gone
    receiver.mood = lambda _: "hang"
    before = asyncio.all_tasks()
    # It looks at its rows once, and then only waits for the answer: killed there, it leaves no statement half done.
    killed = asyncio.create_task(outside.send(seconds=30, poll=30))
    async with asyncio.timeout(60):
        await receiver.arrived.wait()
    dying = asyncio.all_tasks() - before
    for task in {each for each in dying if "_serve" not in repr(each.get_coro())}:
        task.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    assert [row["tries"] for row in await outside.rows("waiting")] == [1, 0]

    receiver.mood = lambda _: "ok"
    await outside.send()
    assert receiver.took == []  # it may still be under way
    outside.passed += CLAIM
    await outside.until("delivered", 2)
    assert [got.id for got in receiver.got] == [(ids := await outside.committed())[0], *ids]
    assert receiver.got[0].body == receiver.got[1].body


async def test_a_slow_one_is_waited_for_so_long(outside: Outside, receiver: Receiver) -> None:
    """Given an answer that takes a moment, then it counts; one that never comes does not, and is asked for again."""
    await outside.subscribe(receiver.url)
    await outside.order()
    await outside.enlisted(1)
    receiver.mood = lambda _: "hang"
    before = outside.now()
    await outside.send(outside.worker(timeout=2))
    [row] = await outside.rows("waiting")
    assert (row["error"], row["response_status"], row["claimed_until"]) == ("no answer within 2 seconds", None, None)
    assert before + timedelta(seconds=4) < row["due_at"] < outside.now() + timedelta(seconds=6)
    receiver.mood = lambda _: "slow 0.3"
    outside.passed += timedelta(seconds=10)
    await outside.until("delivered", 1)
    assert [got.id for got in receiver.got] == [str(row["event_id"])] * 2


async def test_410_pauses_at_once(outside: Outside, receiver: Receiver) -> None:
    """Given a receiver that wants nothing more, then it gets nothing more, staff are told, and nothing is lost."""
    await outside.subscribe(receiver.url)
    order = await outside.order()
    await outside.tell(order, "order_shipped")
    await outside.enlisted(2)
    receiver.mood = lambda _: "410"
    await outside.send()
    outside.passed += DAY
    await outside.send()
    assert len(receiver.got) == 1
    assert await outside.shelf.ask("SELECT status, paused_reason FROM webhook_endpoints") == [
        ("paused", "it answered 410 Gone: it wants nothing more")
    ]
    assert await outside.letters() == ["endpoint_paused"]
    receiver.mood = lambda _: "ok"
    await outside.resume()
    await outside.until("delivered", 2)
    assert receiver.ids() == await outside.committed()


async def test_redirects_are_not_followed(outside: Outside, receiver: Receiver) -> None:
    """Given a receiver that points elsewhere, then nobody goes there, and it counts as not taken."""
    await outside.subscribe(receiver.url)
    await outside.order()
    await outside.enlisted(1)
    receiver.mood = lambda _: "redirect"
    await outside.send()
    [row] = await outside.rows("waiting")
    assert (row["response_status"], row["error"]) == (302, "answered 302: redirects are not followed")
    assert [got.path for got in receiver.got] == ["/hook"]


async def test_an_endless_answer_is_not_listened_to(outside: Outside, receiver: Receiver) -> None:
    """Given a body without an end, then its beginning is enough: it was taken, and little of it is kept."""
    await outside.subscribe(receiver.url)
    await outside.order()
    await outside.enlisted(1)
    receiver.mood = lambda _: "endless"
    await outside.until("delivered", 1)
    [row] = await outside.rows("delivered")
    assert (row["response_status"], row["tries"], row["excerpt"]) == (200, 1, "x" * 500)


async def test_one_that_fails_is_asked_one_thing_at_a_time(outside: Outside, receiver: Receiver) -> None:
    """Given five failures in a row, then one message is tried at a time; when one is taken, all follow at once."""
    await outside.subscribe(receiver.url)
    for _ in range(12):
        await outside.order()
    await outside.enlisted(12)
    receiver.mood = lambda _: "500"
    async with asyncio.timeout(60):
        while not all(row["tries"] for row in await outside.rows()):
            await outside.send()
    tried = len(receiver.got)
    receiver.mood = lambda _: "hang"
    outside.passed += timedelta(seconds=10)
    receiver.arrived.clear()
    sending = asyncio.create_task(outside.send(outside.worker(timeout=3), 0.3))
    async with asyncio.timeout(60):
        await receiver.arrived.wait()
    await sending
    assert len(receiver.got) == tried + 1
    receiver.mood = lambda _: "ok"
    outside.passed += timedelta(minutes=1)
    await outside.until("delivered", 12)
    assert len(receiver.took) == 12


async def test_what_cannot_be_written_holds_up_nobody_else(outside: Outside, receiver: Receiver) -> None:
    """Given an order whose rows cannot be read, then others are told, and it is told when they can be."""
    await outside.subscribe(receiver.url)
    broken, whole = await outside.order(), await outside.order()
    await outside.shelf.tell("UPDATE orders SET shipping_method = '[]' WHERE id = :id", id=broken)
    await outside.enlisted(2)
    await outside.until("delivered", 1)
    [row] = await outside.rows("waiting")
    assert row["order_id"] == broken and row["error"].startswith("cannot be written: ValidationError")
    assert [got.told["data"]["order"]["number"] for got in receiver.got] == [outside.numbers[whole]]
    await outside.shelf.tell(
        "UPDATE orders o SET shipping_method = w.shipping_method FROM orders w WHERE w.id = :id", id=whole
    )
    await outside.live(DAY)
    assert await outside.rows("waiting") == []


async def test_a_replay_tells_again_what_was_and_what_never_was_told(outside: Outside, receiver: Receiver) -> None:
    """Given a point in time, then all from there on is told, under the same ids, in order; also what came before."""
    early = await outside.order()
    await outside.tell(early, "order_shipped")
    await outside.subscribe(receiver.url, Topic.ORDER_CONFIRMED, Topic.ORDER_SHIPPED)
    late = await outside.order()
    await outside.enlisted(1)
    await outside.until("delivered", 1)
    since = outside.now() - timedelta(hours=1)
    told = {"order_confirmed": "order.confirmed", "order_shipped": "order.shipped", "order_edited": "order.edited"}
    async with outside.database.writing() as writer:
        await deliveries.replay_since(writer, outside.endpoint, since, told, outside.now())
    await outside.until("delivered", 3)
    assert receiver.of_order(outside.numbers[early]) == ["order.confirmed", "order.shipped"]
    assert len([got for got in receiver.got if outside.numbers[late] in got.body.decode()]) == 2
    async with outside.database.writing() as writer:
        assert await deliveries.replay(writer, outside.endpoint, (await outside.rows())[0]["event_id"], outside.now())
        await deliveries.replay_since(writer, outside.endpoint, outside.now() + DAY, told, outside.now())
    await outside.until("delivered", 3)
    assert (len(receiver.got), len(receiver.ids())) == (5, 3)
    assert receiver.got[-1].id == receiver.ids()[1]


async def test_what_is_settled_is_forgotten_after_a_month(outside: Outside, receiver: Receiver) -> None:
    """Given 30 days, then what was taken is gone, and what still waits is not; the order is not told of again."""
    await outside.subscribe(receiver.url)
    order = await outside.order()
    await outside.enlisted(1)
    await outside.until("delivered", 1)
    receiver.mood = lambda _: "500"
    await outside.tell(order, "order_shipped")
    await outside.enlisted(2)
    outside.passed += timedelta(days=31)
    fill = EnlistDeliveries((outside.endpoint,), 0, 0.01)
    await ActivityEnvironment().run(outside.worker().enlist_deliveries, fill)
    assert [row["topic"] for row in await outside.rows()] == ["order.shipped"]


async def test_an_archived_receiver_ends_its_sender(outside: Outside, receiver: Receiver) -> None:
    """Given a receiver that is archived, or that there is not, then nothing is sent, and whoever sends may go."""
    await outside.subscribe(receiver.url)
    await outside.order()
    await outside.enlisted(1)
    async with outside.database.writing() as writer:
        await endpoints.archive(writer, outside.endpoint)
        await deliveries.withdraw(writer, outside.endpoint)
    assert not await outside.send()
    assert [row["status"] for row in await outside.rows()] == ["withdrawn"]
    nobody = SendDeliveries((await outside.order()), 1, 0.01)
    assert not await ActivityEnvironment().run(outside.worker().send_deliveries, nobody)
    assert receiver.got == []


async def test_a_buyer_who_is_forgotten_is_in_no_message_that_is_kept(outside: Outside, receiver: Receiver) -> None:
    """Given messages of somebody's order, when they are forgotten, then nothing of them is left in the queue."""
    async with outside.database.writing() as writer:
        user = await people.account(writer)
    await outside.subscribe(receiver.url)
    order = await outside.order()
    await outside.shelf.tell("UPDATE orders SET customer_id = :user WHERE id = :id", user=user, id=order)
    await outside.enlisted(1)
    await outside.until("delivered", 1)
    assert shop.NEW_YORK.full_name in (await outside.rows())[0]["body"]
    async with outside.database.writing() as writer:
        await erasure.forget(writer, user, None)
    assert [(row["body"], row["excerpt"]) for row in await outside.rows()] == [(None, None)]

"""Puts what happens to orders into the queues of receivers, and keeps book of what became of it."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec
import structlog
from temporalio import activity

from activities.outgoing.post import TIMEOUT, Post
from models import clock
from models.database import Database
from models.errors import Unavailable
from models.ids import OrderId
from models.outgoing import (
    FAILING,
    PAUSE_AFTER,
    TOLD,
    WARN_AFTER,
    Answer,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
    Outgoing,
    secret,
    signature,
    wait,
)
from models.outgoing_message import Data, Message, public
from models.tables import order as orders
from models.tables import order_feed, outbox, returns
from models.tables import shipment as shipments
from models.tables import webhook_delivery as deliveries
from models.tables import webhook_endpoint as endpoints

log = structlog.get_logger()

READER = "webhooks"
"""Of the feed of all orders."""
AT_ONCE = 500
"""Facts taken in one transaction."""
LANES = 8
"""Messages under way to one receiver at a time, each of another order."""
CLAIM = timedelta(seconds=6 * TIMEOUT)
"""How long somebody who took a message up may be silent before another sends it again."""
NEARLY = timedelta(hours=1)
"""A message waits a moment for its first try, and so its last one comes before three days of failures are over."""
GONE = 410
"""The receiver asks never to be sent anything again."""


class EnlistDeliveries(msgspec.Struct, frozen=True):
    """Keep the queues filled for so many seconds."""

    attended: tuple[UUID, ...]
    """Receivers that somebody sends to: come back at once when there is another."""
    seconds: float
    poll: float
    """Seconds between two looks."""


class Receivers(msgspec.Struct, frozen=True):
    """Whom something has to be sent to."""

    endpoints: tuple[UUID, ...]


class SendDeliveries(msgspec.Struct, frozen=True):
    """Send what is in one receiver's queue for so many seconds."""

    endpoint: UUID
    seconds: float
    poll: float


class OutgoingActivities:
    """Needs Postgres, the key that secrets follow from, and whether receivers may be in private networks.

    `now`: by which clock deliveries are due; a signature is made by the real one.
    """

    def __init__(
        self, database: Database, secret_key: bytes, private: bool, now: Callable[[], datetime] = clock.now,
        timeout: float = TIMEOUT,
    ) -> None:  # fmt: skip
        self._database = database
        self._key = secret_key
        self._post = Post(private, timeout)
        self._now = now

    @activity.defn
    async def enlist_deliveries(self, request: EnlistDeliveries) -> Receivers:
        """Put what happens to orders into the queues of those that want to hear of it.

        Changes: webhook_deliveries, and with them order_readers; what was settled a month ago is forgotten.
        Again: what is in a queue is not put there again, what is forgotten is gone.
        Undo: nothing.
        """
        until = time.monotonic() + request.seconds
        while True:
            while await order_feed.waiting(self._database, READER, list(TOLD)):
                await self._enlist()
            found = await endpoints.all_open(self._database)
            over = time.monotonic() >= until or activity.is_worker_shutdown()
            if over or set(found) - set(request.attended):
                break
            activity.heartbeat()
            await asyncio.sleep(request.poll)
        if over:
            async with self._database.writing() as writer:
                await order_feed.skip(writer, READER, list(TOLD))
                await deliveries.forget_old(writer, self._now())
        return Receivers(tuple(found))

    async def _enlist(self) -> None:
        async with self._database.writing() as writer:
            told = await order_feed.take(writer, READER, list(TOLD), AT_ONCE)
            if told:
                await deliveries.enlist(writer, {fact.id: TOLD[fact.type] for fact in told}, self._now())

    @activity.defn
    async def send_deliveries(self, request: SendDeliveries) -> bool:
        """Send what is in one receiver's queue, and nothing while it is paused. False: it was archived.

        Changes: webhook_deliveries, webhook_endpoints, at the receiver whatever it makes of it; outbox, when it fails.
        Again: what it took is not sent again; what it may have taken, when nobody wrote that down, is sent again
        under the same id.
        Undo: nothing.
        """
        until = time.monotonic() + request.seconds
        under_way = set[asyncio.Task[None]]()
        async with self._post.open() as client:
            try:
                while True:
                    receiver = await endpoints.read(self._database, request.endpoint)
                    if receiver is None or receiver.status is EndpointStatus.ARCHIVED:
                        break
                    for each in await self._claim(receiver, len(under_way)):
                        under_way.add(asyncio.create_task(self._tell(client, receiver, each)))
                    activity.heartbeat()
                    done, under_way = await self._moment(under_way, request.poll)
                    for task in done:
                        task.result()
                    if time.monotonic() >= until or activity.is_worker_shutdown():
                        break
            finally:
                ends = await asyncio.gather(*under_way, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return receiver is not None and receiver.status is not EndpointStatus.ARCHIVED

    async def _moment(
        self, under_way: set[asyncio.Task[None]], poll: float
    ) -> tuple[set[asyncio.Task[None]], set[asyncio.Task[None]]]:
        """Until something came to its end, or it is time to look again."""
        if not under_way:
            await asyncio.sleep(poll)
            return set(), under_way
        return await asyncio.wait(under_way, timeout=poll, return_when=asyncio.FIRST_COMPLETED)

    async def _claim(self, receiver: Endpoint, under_way: int) -> list[Outgoing]:
        """A receiver that fails again and again is asked one thing at a time."""
        free = (1 if receiver.failures >= FAILING else LANES) - under_way
        if free <= 0 or receiver.status is not EndpointStatus.ACTIVE:
            return []
        now = self._now()
        async with self._database.writing() as writer:
            return await deliveries.claim(writer, receiver.id, free, now, now + CLAIM)

    async def _tell(self, client: httpx.AsyncClient, receiver: Endpoint, delivery: Outgoing) -> None:
        try:
            body = delivery.body or await self._written(delivery)
        except Unavailable:
            raise
        except Exception as broken:  # one message that cannot be written must hold up no other order's
            log.error("webhook cannot be written", event_id=delivery.event, order_id=delivery.order, exc_info=broken)
            answer = Answer(error=f"cannot be written: {type(broken).__name__}: {broken}")
        else:
            answer = await self._post.send(client, receiver.url, self._headers(receiver, delivery, body), body.encode())
        await self._settle(receiver, delivery, answer)

    def _headers(self, receiver: Endpoint, delivery: Outgoing, body: str) -> dict[str, str]:
        numbers = [receiver.secret_n]
        if receiver.previous_until is not None and receiver.previous_until > self._now():
            numbers.append(receiver.secret_n - 1)
        secrets = [secret(self._key, receiver.id, n) for n in numbers]
        id, timestamp = str(delivery.event), int(clock.now().timestamp())
        return {
            "webhook-id": id, "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secrets, id, timestamp, body.encode()),
        }  # fmt: skip

    async def _written(self, delivery: Outgoing) -> str:
        body = msgspec.json.encode(await self._message(delivery)).decode()
        async with self._database.writing() as writer:
            await deliveries.keep_body(writer, delivery.id, body)
        return body

    async def _message(self, delivery: Outgoing) -> Message:
        if delivery.order is None:
            said = {"message": "This is a test: whoever reads it with a signature that is right has done all there is."}
            return Message(delivery.event, delivery.topic, self._now(), said)
        order = await orders.find_by_id(self._database, OrderId(delivery.order))
        told = await deliveries.fact(self._database, delivery.event)
        parcels = await shipments.of_order(self._database, order.id)
        back = await returns.of_order(self._database, order.id)
        data = Data(public(order, parcels, back), told.facts, told.actor.partition("/")[0])
        return Message(delivery.event, delivery.topic, told.at, data)

    async def _settle(self, receiver: Endpoint, delivery: Outgoing, answer: Answer) -> None:
        """What became of it. The receiver's row is always locked before those of its deliveries."""
        now = self._now()
        async with self._database.writing() as writer:
            if answer.error is None:
                failed = await endpoints.took(writer, receiver.id)
                await deliveries.settle(writer, delivery.id, DeliveryStatus.DELIVERED, answer, now)
                if failed >= FAILING:
                    await deliveries.hurry(writer, receiver.id, now)
                return
            failing = await endpoints.failed(writer, receiver.id, now)
            stop = _why_stop(failing, delivery, answer, now)
            if now >= delivery.until and stop is None:
                log.warning("webhook given up", endpoint=receiver.id, event_id=delivery.event, order_id=delivery.order)
                await deliveries.settle(writer, delivery.id, DeliveryStatus.DEAD, answer, now)
            else:
                due = now + wait(delivery.tries)
                last = delivery.until if delivery.until > now else due
                await deliveries.postpone(writer, delivery.id, answer, min(due, last))
            facts = {"endpoint": receiver.id, "host": urlsplit(failing.url).hostname,
                     "error": answer.error, "since": failing.failing_since}  # fmt: skip
            about = f"{receiver.id}/{failing.failing_since.isoformat()}"
            if stop is not None:
                if await endpoints.pause(writer, receiver.id, stop):
                    log.error("webhooks paused", endpoint=receiver.id, reason=stop)
                    await outbox.write_staff_letter(
                        writer, "endpoint_paused", f"endpoint_paused/{about}", {**facts, "gone": answer.status == GONE}
                    )
            elif failing.failing_since + WARN_AFTER <= now and failing.warned_at is None:
                log.warning("webhooks fail", endpoint=receiver.id, error=answer.error)
                await endpoints.note_warning(writer, receiver.id, now)
                await outbox.write_staff_letter(writer, "endpoint_failing", f"endpoint_failing/{about}", facts)


def _why_stop(failing: endpoints.Failing, delivery: Outgoing, answer: Answer, now: datetime) -> str | None:
    """Why nothing more is sent until somebody says so; None: it goes on.

    Where nothing else was taken either while a message was tried, it is the receiver that is given up, not the message.
    """
    if answer.status == GONE:
        return "it answered 410 Gone: it wants nothing more"
    longest = PAUSE_AFTER - NEARLY if now >= delivery.until else PAUSE_AFTER
    if failing.failing_since + longest <= now:
        return f"nothing but failures for three days, the last one: {answer.error}"
    return None

"""How long we wait for each neighbour and how often we ask again: every timeout and retry policy, in one place."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy

ORDERS, PAYMENTS, MAIL, CATALOGUE, OUTSIDE = "orders", "payments", "mail", "catalogue", "outside"
"""Task queues, one a neighbour, so that a slow provider starves nobody: workflows and our rows, Stripe, mail, what
follows catalogue and orders at its own pace, and receivers outside, of which nobody knows how they behave."""


class StepPatience(TypedDict):
    """Options of one of many regular activities, each tried until it is done."""

    task_queue: str
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class LocalPatience(TypedDict):
    """Options of a local activity."""

    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    local_retry_threshold: timedelta
    """A pause longer than this becomes a timer at the server: visible there, and holding no worker."""


class Patience(TypedDict):
    """Options of a regular activity."""

    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class HandingPatience(TypedDict):
    """Options of an activity that tells how far it is: who takes over from a dead worker goes on there."""

    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


class WatchPatience(TypedDict):
    """Options of an activity that watches rows of ours."""

    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


DATABASE: LocalPatience = {
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=10)),
    "local_retry_threshold": timedelta(seconds=2),
}
"""Our own rows: milliseconds, or Postgres is away and there is nothing to do but to wait for it."""

PROVIDER_NOW: LocalPatience = {
    "start_to_close_timeout": timedelta(seconds=4),
    "retry_policy": RetryPolicy(maximum_attempts=1),
    "local_retry_threshold": timedelta(seconds=2),
}
"""The provider, while a buyer waits: one try, which itself gives up after 2.5 s."""

PROVIDER_ATTENTION = timedelta(minutes=10)
"""How long a step at the provider is tried before a person is told; it goes on after that."""
_RETRY_PROVIDER = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
)


def provider(patience: timedelta = PROVIDER_ATTENTION) -> Patience:
    """The provider, tried again until `patience` is over."""
    return {
        "task_queue": PAYMENTS,
        "start_to_close_timeout": timedelta(seconds=20),
        "schedule_to_close_timeout": max(patience, timedelta(seconds=20)),
        "retry_policy": _RETRY_PROVIDER,
    }


PAUSE_BEFORE_NEXT_TRY = timedelta(hours=1)
"""A step that must succeed and has exhausted its patience is tried again after this, or when a person says so."""

SEARCH_LAG = timedelta(seconds=90)
"""The provider finds by search what it did a minute ago; before that, not finding proves nothing."""

FIRST_LOOK = timedelta(minutes=1)
"""While a buyer confirms with their bank we ask the provider ourselves, should its webhook be lost: at once after this,
then each time after twice as long."""

FURTHER = timedelta(minutes=1)
"""How long more money of an order is asked for before that is given up: somebody waits, and has the order's turn."""

RESERVE_AGAIN = timedelta(days=1)
"""How long after a card was declined on which the rest of an order's money was to be reserved it is tried again."""

LOOK_AT_REFUND = timedelta(days=1)
"""How often at least we ask how a refund stands that its bank has not taken yet."""
DISPUTE_NEWS = timedelta(days=3)
"""How long the provider is asked about a dispute of which it had news; after that a reconciliation asks."""
RETURN_DECISION = timedelta(days=3)
"""How long a wish to return goods may wait for staff's word before a person is told."""
RETURN_ON_ITS_WAY = timedelta(days=30)
"""How long goods may take to come back once they may; then they are the buyer's again."""
RETURN_INSPECTION = timedelta(days=5)
"""How long goods that came may wait to be looked at before a person is told."""
RECONCILING = timedelta(hours=3)
"""How long a provider is asked for a page of what it has; nobody waits for it."""
LATE_MONEY = timedelta(days=4)
"""How long money is watched for that comes although its order has ended: webhooks are sent again for three days."""

SAVING_WINDOW = timedelta(hours=24)
"""How long a buyer's browser may take to finish the saving of a card."""
CLEANING_UP = timedelta(days=30)
"""How long the provider is asked to let go of what nobody wants kept, before a person is told."""

MAIL_SERVER: HandingPatience = {
    "task_queue": MAIL,
    "start_to_close_timeout": timedelta(minutes=15),
    "schedule_to_close_timeout": timedelta(minutes=30),
    "heartbeat_timeout": timedelta(seconds=20),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
}
"""A mail server that says no, or is away, is an answer; only a batch that comes to no answer at all is tried again."""

OUTBOX: WatchPatience = {
    "task_queue": MAIL,
    "start_to_close_timeout": timedelta(seconds=75),
    "heartbeat_timeout": timedelta(seconds=15),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10)),
}
"""Waiting for letters on our own rows; tried for ever, a heartbeat tells that its worker lives."""

CHANGES: WatchPatience = {**OUTBOX, "task_queue": CATALOGUE}
"""Waiting for changes of the catalogue, in the same way."""

FEED: WatchPatience = {**OUTBOX, "task_queue": CATALOGUE}
"""Waiting for what happens to orders, in the same way."""

RECEIVERS: WatchPatience = {
    "task_queue": OUTSIDE,
    "start_to_close_timeout": timedelta(seconds=120),
    "heartbeat_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10)),
}
"""A minute of sending to one receiver, and as long as what is under way then takes; how often one message is tried is
its own matter."""

REDIS: Patience = {
    "task_queue": CATALOGUE,
    "start_to_close_timeout": timedelta(seconds=3),
    "schedule_to_close_timeout": timedelta(seconds=15),
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=2)),
}
"""Redis only ever saves time: what it could not be told within this has become too old to be given by itself."""

ENGINE: Patience = {
    "task_queue": CATALOGUE,
    "start_to_close_timeout": timedelta(minutes=2),
    "schedule_to_close_timeout": timedelta(minutes=10),
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=30)),
}
"""The search engine; who gives up after this asks again, because what changed stays noted."""
TALLIES_KEPT = timedelta(days=400)
"""How long it is remembered what shoppers searched for: a year, and to compare it with."""


STUDY: Patience = {
    "task_queue": CATALOGUE,
    "start_to_close_timeout": timedelta(seconds=30),
    "schedule_to_close_timeout": timedelta(hours=1),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
}
"""A step of a study that nobody waits for: some products at a time, within seconds; the next study tries again."""

REPORTING: Patience = {
    "task_queue": CATALOGUE,
    "start_to_close_timeout": timedelta(minutes=5),
    "schedule_to_close_timeout": timedelta(hours=11),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5)),
}
"""A day of the whole shop's, read at once: seconds, or Postgres is away; a report comes late rather than never."""

FILES: StepPatience = {
    "task_queue": CATALOGUE,
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)),
}
"""Some hundred rows of an upload: a second, or Postgres, the storage or the worker is away and it is tried again."""

PRINTING: Patience = {
    "task_queue": CATALOGUE,
    "start_to_close_timeout": timedelta(seconds=40),
    "schedule_to_close_timeout": timedelta(minutes=1),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10)),
}
"""Some papers drawn and kept; when the storage is away longer, the next round tries again."""

HISTORIES: LocalPatience = {
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
    "local_retry_threshold": timedelta(seconds=2),
}
"""Temporal's own memory: asked by the worker that it talks to anyway."""

FIRST_LOOK_AT_EXCHANGE = timedelta(seconds=1)
"""An exchange whose new goods cost no more is paid at once."""
LOOK_AT_EXCHANGE = timedelta(hours=1)
"""How often at least we look whether the rest of its price was paid."""
FIRST_LOOK_AT_BUSINESS = timedelta(seconds=5)
"""Whoever wants to be forgotten usually has no order open: a farewell has to be sent, that is all."""
LOOK_AT_BUSINESS = timedelta(hours=6)
"""How often at least we look whether the orders of a closed account are over."""
LATE_EVENTS = timedelta(days=4)
"""The provider sends an event that was not taken again and again, for three days."""

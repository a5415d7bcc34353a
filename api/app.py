"""Wiring and lifespan of the API process, and nothing else."""

import asyncio
import gc
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from temporalio.client import Client
from temporalio.service import RetryConfig

from api import (
    access,
    addresses,
    auth,
    cart,
    categories,
    chapa,
    checkout,
    context,
    coupons,
    docs,
    edits,
    gift_cards,
    health,
    media,
    names,
    notifications,
    options,
    orders,
    papers,
    passwords,
    payment_methods,
    payments,
    privacy,
    problems,
    products,
    profile,
    quote,
    recommendations,
    returns,
    reviews,
    search,
    sessions,
    shelves,
    store_credit,
    unsubscribe,
    webhooks,
    wishlist,
)
from api.admin import (
    analytics,
    approvals,
    attention,
    audit,
    bulk,
    cases,
    codec,
    commission_rules,
    explain,
    images,
    inventory,
    letters,
    locations,
    mail_templates,
    order_actions,
    order_edits,
    order_goods,
    order_money,
    order_parcels,
    order_reviews,
    packing_slips,
    payouts,
    product_files,
    refunds,
    report_schedules,
    reports,
    shipping_methods,
    shipping_zones,
    stock_counts,
    synonyms,
    tags,
    tax_rates,
    users,
    variants,
    vendor_members,
    vendors,
    webhook_deliveries,
    webhook_endpoints,
)
from api.admin import categories as category_records
from api.admin import coupons as coupons_offered
from api.admin import gift_cards as gift_cards_issued
from api.admin import orders as orders_at_desk
from api.admin import products as product_records
from api.admin import returns as returns_handled
from api.admin import reviews as reviews_moderated
from api.admin import search as search_kept
from api.admin import store_credit as store_credit_granted
from api.context import Premises, StrictRequest
from api.desk import rooms as desk
from api.door import Door
from api.limits import Limits
from api.metrics import Meter
from api.shelf import Shelf
from api.streams import Streams
from api.tallies import Tallies
from api.vendor import orders as vendor_orders
from api.vendor import payouts as vendor_payouts
from api.vendor import products as vendor_products
from models import logs, spans, wire
from models.darkroom import Darkroom
from models.database import Database
from models.password import Passwords
from models.search.engines import engine_of
from models.search.names import Names
from models.settings import ApiSettings, api_settings
from models.storage import Storage

BASE = "/api/v1"
LARGEST_BODY = 1024 * 1024
"""Bytes; an operation that takes more says so itself."""
TEMPORAL_PATIENCE = RetryConfig(max_elapsed_time_millis=1500)
"""How long a call that Temporal does not take is tried again, before the client is asked to come back later."""
REDIS_PATIENCE = 0.25
"""Seconds: Redis only ever saves time."""

GARBAGE = (20_000, 20, 20)
"""Thresholds of Python's cycle collector. Its own, made for small programs, spend a fifth of a busy API's time."""

ROOMS = (
    auth,
    passwords,
    profile,
    privacy,
    sessions,
    unsubscribe,
    addresses,
    products,
    shelves,
    categories,
    names,
    search,
    reviews,
    recommendations,
    cart,
    coupons,
    gift_cards,
    quote,
    store_credit,
    checkout,
    orders,
    papers,
    edits,
    returns,
    payments,
    payment_methods,
    webhooks,
    chapa,
    audit,
    codec,
    bulk,
    product_records,
    product_files,
    variants,
    category_records,
    tags,
    vendors,
    vendor_members,
    commission_rules,
    payouts,
    vendor_products,
    vendor_orders,
    vendor_payouts,
    reviews_moderated,
    images,
    synonyms,
    search_kept,
    locations,
    inventory,
    stock_counts,
    shipping_methods,
    shipping_zones,
    coupons_offered,
    tax_rates,
    users,
    gift_cards_issued,
    store_credit_granted,
    orders_at_desk,
    explain,
    order_actions,
    order_edits,
    order_goods,
    order_money,
    order_parcels,
    order_reviews,
    packing_slips,
    refunds,
    approvals,
    returns_handled,
    attention,
    cases,
    reports,
    report_schedules,
    analytics,
    letters,
    mail_templates,
    webhook_endpoints,
    webhook_deliveries,
    wishlist,
    notifications,
)
"""Everything under the base path; each module lists its own `handlers`."""


def create_app(settings: ApiSettings | None = None) -> Litestar:
    """The API. Without `settings` it is a process of its own: it reads the environment and sets up the logs."""
    alone = settings is None
    if settings is None:
        settings = api_settings()
        logs.configure(settings.log_level, settings.log_format)
    tracing = None
    if alone and settings.otlp_endpoint:
        from models import tracing as traces  # what is not asked for is not loaded

        tracing = traces.start("holdfast-api", settings)
    meter = Meter()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        redis = Redis.from_url(
            settings.redis_url, socket_timeout=REDIS_PATIENCE, socket_connect_timeout=REDIS_PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        door.shelf = shelf = Shelf(redis)
        meter.answers = shelf.given
        database = Database(settings.database_url)
        temporal = await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            plugins=[*spans.plugins(), wire.plugin(settings.payload_keys)],
            lazy=True,
            retry_config=TEMPORAL_PATIENCE,
        )
        limits, passwords, darkroom = Limits(redis, settings), Passwords(), Darkroom()
        storage = Storage(settings.media_dir, settings.storage_url)
        streams = Streams(database)
        engine, tallies = engine_of(settings, database), Tallies(database)
        app.state.house = Premises(
            settings, database, redis, temporal, shelf, limits, passwords, storage, darkroom, engine, Names(database),
            tallies, streams,
        )  # fmt: skip
        if alone:
            _leave_when_told(streams)
            _settle_down()
        try:
            yield
        finally:
            streams.close()
            await tallies.close()
            await engine.close()
            await database.close()
            await limits.close()
            await redis.aclose()
            passwords.close()
            darkroom.close()
            if tracing:
                await asyncio.to_thread(tracing.close)

    ours = access.guarded(handler for room in ROOMS for handler in room.handlers)
    app = Litestar(
        route_handlers=[
            Router(
                BASE, guards=[access.admit], route_handlers=[*options.answers(ours), *ours],
            ),
            *health.handlers, *docs.handlers, *docs.routers(), *media.handlers, desk.router(),
        ],
        dependencies={
            # Not by an argument `state`: the framework copies the whole state for each request that asks so.
            "house": Provide(lambda: app.state.house, sync_to_thread=False),
            "caller": Provide(context.provide_caller, sync_to_thread=False),
            "meter": Provide(lambda: meter, sync_to_thread=False, use_cache=True),
        },
        state=State(), lifespan=[lifespan], request_class=StrictRequest, request_max_body_size=LARGEST_BODY,
        exception_handlers=problems.HANDLERS, logging_config=None,
        openapi_config=docs.config([*ours, *health.handlers]),
    )  # fmt: skip
    app.asgi_handler = door = Door(
        app.asgi_handler, meter, https=settings.public_url.startswith("https://"), ui=settings.temporal_ui_url
    )  # fmt: skip
    if tracing:
        from api.traced import Traced

        app.asgi_handler = Traced(door)
    return app


def _leave_when_told(streams: Streams) -> None:
    """Whoever watches an order is sent away when the process is told to stop: the server waits for every connection,
    and runs the end of our lifespan after that. Its own handlers are called too, by the loop.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # signals are heard by the main thread alone: such a server has to close its connections itself
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def told(number: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(streams.close)
            if callable(before):
                before(number, frame)

        signal.signal(number, told)


def _settle_down() -> None:
    """What stands now stands for the life of the process: the collector need never look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)

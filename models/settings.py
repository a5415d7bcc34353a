"""The environment, read once per process into a frozen struct and passed down; no other file reads it."""

import os
from collections.abc import Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from models.allocation import Allocation
from models.capture import Capture
from models.environment import Invalid, Rate, Variables
from models.money import EXPONENTS
from models.papers.paper import Shop
from models.review import Moderation
from models.screening import Screening
from models.sealing import Keyring, keyring
from models.wording.languages import LANGUAGES

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What both processes need."""

    database_url: str
    redis_url: str
    temporal_address: str
    temporal_namespace: str
    meilisearch_url: str | None
    """Search engine of the catalogue; None: Postgres does it."""
    meilisearch_api_key: str | None
    media_dir: Path
    """Where files are kept, when not in a bucket."""
    storage_url: str | None
    """The bucket of files; None: they are kept in `media_dir`."""
    public_url: str
    """Where buyers reach the API, without a slash at the end."""
    return_within: timedelta
    """How long after its last parcel arrived, or left, a return of an order can be asked for."""
    shop: Shop
    """Who sells: stands on invoices, credit notes and packing slips."""
    timezone: ZoneInfo
    """In which a day of the shop's begins and ends: for reports and sums by day."""
    outgoing_private: bool
    """Whether webhooks may be sent into private networks, and without TLS: for developing only."""
    secret_key: bytes
    """Signs access, refresh, cart and order tokens; at least 32 bytes. Changing it ends every token given out."""
    otlp_endpoint: str | None
    """Where traces are sent; None: nothing is traced."""
    otlp_headers: Mapping[str, str]
    """What is sent along, such as the key of whoever collects them."""
    trace_share: float
    """How many of all traces are collected: 1 is all."""
    payload_keys: Keyring
    """Of what Temporal keeps for us."""
    log_level: str
    log_format: str
    """`json` for machines, `console` for people."""


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How often somebody may ask; None: as often as they like."""

    general: Rate | None
    """Everything together, by sign-in or by address."""
    register: Rate | None
    login: Rate | None
    forgot: Rate | None
    otp: Rate | None
    refresh: Rate | None
    gift_card: Rate | None


class ApiSettings(Shared, frozen=True, kw_only=True):
    """What the API needs. It holds no key that could charge anybody."""

    stripe_webhook_secret: str
    chapa_webhook_secret: str | None
    """None: this shop is not paid with Chapa."""
    temporal_ui_url: str | None
    """Where staff reach the Temporal UI; None: nowhere."""
    stripe_dashboard_url: str | None
    """Where staff reach Stripe's dashboard; None: nowhere."""
    answer_budget: timedelta
    """How long a checkout waits for its outcome before it answers 202."""
    default_currency: str
    moderation: Moderation
    """Which reviews wait until staff read them."""
    rate_limits: RateLimits
    four_eyes_above: Mapping[str, int]
    """More minor units than these, by currency, take two of the staff; in others one will do."""
    approval_within: timedelta
    """How long a second one may say yes."""
    forwarded_hops: int
    """How many proxies stand before the API, each of which adds whom it heard to X-Forwarded-For."""


class WorkerSettings(Shared, frozen=True, kw_only=True):
    """What the worker needs."""

    stripe_secret_key: str
    stripe_api_base: str | None
    """Another address that speaks Stripe's protocol, as the simulator does; None: Stripe itself."""
    chapa_secret_key: str | None
    """None: this shop is not paid with Chapa."""
    chapa_api_base: str | None
    smtp_url: str
    mail_from: str
    payment_window: timedelta
    """How long an order waits for a payment that works before it is cancelled."""
    allocation: Allocation
    """From which location an order's goods come."""
    capture: Capture
    """When the money that an order has reserved is taken."""
    authorization_life: timedelta
    """How long reserved money is relied on; then it is reserved anew."""
    ship_within: timedelta
    """How long a paid order may wait to be shipped before a person is told."""
    exchange_within: timedelta
    """How long the goods of an exchange wait for the rest of their price."""
    staff_email: str | None
    """Where letters to the shop's own people go; None: none are sent."""
    staff_language: str
    """In which language they are written to."""
    digest_at: time
    """When, each day, UTC, they are told what waits for them."""
    screening: Screening | None
    """From how many points on an order is held for a person, and for how long; None: orders are not screened."""
    edit_window: timedelta
    """How long a proposed change of an order may wait for a yes; what it adds is held so long."""
    cart_reminder_after: timedelta
    """How long a cart is left alone before its owner, if they want it, is reminded of it."""
    cart_lifetime: timedelta
    """How long an anonymous cart that nobody touches is kept."""
    cart_tending_interval: timedelta
    """How often somebody looks for such carts."""
    shelves_study_interval: timedelta
    """How often what people buy and look at is studied."""
    stock_proof_interval: timedelta
    """How often the stock is held against its ledger."""
    reconcile_interval: timedelta
    """How often what payment providers have is held against our books."""
    reconcile_window: timedelta
    """How far back."""
    payout_interval: timedelta
    """How often vendors are paid out."""
    payout_minimum: Mapping[str, int]
    """From how many minor units on, by currency; in others from one on."""
    search_healing_interval: timedelta
    """How often the search index is held against the catalogue."""
    build_id: str | None
    """Which build of the code this is, to a server that hands out work by builds; None: it does not."""
    metrics_host: str
    """Address on which metrics are served: loopback, unless a network of machines is to read them."""
    metrics_port: int | None


KNOWN = frozenset(
    (
        "DATABASE_URL REDIS_URL TEMPORAL_ADDRESS TEMPORAL_NAMESPACE TEMPORAL_UI_URL STRIPE_SECRET_KEY "
        "STRIPE_API_BASE STRIPE_WEBHOOK_SECRET STRIPE_DASHBOARD_URL CHAPA_SECRET_KEY CHAPA_API_BASE "
        "CHAPA_WEBHOOK_SECRET MEILISEARCH_URL MEILISEARCH_API_KEY SMTP_URL MAIL_FROM "
        "PUBLIC_URL SECRET_KEY PAYLOAD_KEYS MEDIA_DIR STORAGE_URL "
        "PAYMENT_WINDOW CAPTURE AUTHORIZATION_LIFE SHIP_WITHIN EDIT_WINDOW "
        "RETURN_WITHIN EXCHANGE_WITHIN CHECKOUT_ANSWER_BUDGET "
        "DEFAULT_CURRENCY LOG_LEVEL LOG_FORMAT WORKER_BUILD_ID WORKER_METRICS_HOST WORKER_METRICS_PORT "
        "RATE_LIMIT_GENERAL "
        "RATE_LIMIT_REGISTER RATE_LIMIT_LOGIN "
        "RATE_LIMIT_FORGOT RATE_LIMIT_OTP RATE_LIMIT_REFRESH RATE_LIMIT_GIFT_CARD FORWARDED_HOPS "
        "REVIEWS_MODERATED SHELVES_STUDY_INTERVAL CART_REMINDER_AFTER CART_LIFETIME CART_TENDING_INTERVAL "
        "SEARCH_HEALING_INTERVAL ALLOCATION STOCK_PROOF_INTERVAL RECONCILE_INTERVAL RECONCILE_WINDOW "
        "PAYOUT_INTERVAL PAYOUT_MINIMUM FOUR_EYES_ABOVE APPROVAL_WITHIN "
        "SHOP_NAME SHOP_ADDRESS SHOP_TAX_ID SHOP_TIMEZONE "
        "STAFF_EMAIL STAFF_LANGUAGE DIGEST_AT OUTGOING_PRIVATE SCREENING_LIMIT REVIEW_WITHIN "
        "OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_HEADERS OTEL_TRACES_SAMPLER_ARG"
    ).split()
)
"""Every variable that means something to us; a test holds compose.yaml and the docs against it."""


def api_settings(environment: Mapping[str, str] | None = None) -> ApiSettings:
    """The API's settings. Raises: Invalid, naming the variable."""
    read = Variables(os.environ if environment is None else environment)
    return ApiSettings(
        **_shared(read),
        stripe_webhook_secret=read.text("STRIPE_WEBHOOK_SECRET"),
        chapa_webhook_secret=read.optional("CHAPA_WEBHOOK_SECRET"),
        temporal_ui_url=read.page("TEMPORAL_UI_URL", "http://127.0.0.1:8233"),
        stripe_dashboard_url=read.page("STRIPE_DASHBOARD_URL", "https://dashboard.stripe.com"),
        answer_budget=read.seconds("CHECKOUT_ANSWER_BUDGET", "5"),
        default_currency=read.one_of("DEFAULT_CURRENCY", EXPONENTS, "usd"),
        moderation=Moderation(read.one_of("REVIEWS_MODERATED", tuple(Moderation), "none")),
        rate_limits=RateLimits(
            general=read.rate("RATE_LIMIT_GENERAL", "600/minute"),
            register=read.rate("RATE_LIMIT_REGISTER", "5/minute"),
            login=read.rate("RATE_LIMIT_LOGIN", "10/minute"),
            forgot=read.rate("RATE_LIMIT_FORGOT", "3/minute"),
            otp=read.rate("RATE_LIMIT_OTP", "10/minute"),
            refresh=read.rate("RATE_LIMIT_REFRESH", "60/minute"),
            gift_card=read.rate("RATE_LIMIT_GIFT_CARD", "10/minute"),
        ),
        four_eyes_above=read.minima("FOUR_EYES_ABOVE"),
        approval_within=read.seconds("APPROVAL_WITHIN", "86400"),
        forwarded_hops=read.count("FORWARDED_HOPS", "0"),
    )


def worker_settings(environment: Mapping[str, str] | None = None) -> WorkerSettings:
    """The worker's settings. Raises: Invalid, naming the variable."""
    read = Variables(os.environ if environment is None else environment)
    return WorkerSettings(
        **_shared(read),
        stripe_secret_key=read.text("STRIPE_SECRET_KEY"),
        stripe_api_base=read.optional("STRIPE_API_BASE"),
        chapa_secret_key=read.optional("CHAPA_SECRET_KEY"),
        chapa_api_base=read.optional("CHAPA_API_BASE"),
        smtp_url=read.smtp("SMTP_URL"),
        mail_from=read.text("MAIL_FROM", "Holdfast <orders@holdfast.example>"),
        payment_window=read.seconds("PAYMENT_WINDOW", "1800"),
        allocation=Allocation(read.one_of("ALLOCATION", tuple(Allocation), "fewest_parcels")),
        capture=Capture(read.one_of("CAPTURE", tuple(Capture), "at_once")),
        authorization_life=read.seconds("AUTHORIZATION_LIFE", "518400"),
        ship_within=read.seconds("SHIP_WITHIN", "259200"),
        staff_email=read.mail_address("STAFF_EMAIL"),
        staff_language=read.one_of("STAFF_LANGUAGE", LANGUAGES, "en"),
        digest_at=read.of_day("DIGEST_AT", "06:00"),
        screening=_screening(read.optional("SCREENING_LIMIT"), read.seconds("REVIEW_WITHIN", "86400")),
        edit_window=read.seconds("EDIT_WINDOW", "900"),
        exchange_within=read.seconds("EXCHANGE_WITHIN", "259200"),
        cart_reminder_after=read.seconds("CART_REMINDER_AFTER", "86400"),
        cart_lifetime=read.seconds("CART_LIFETIME", "2592000"),
        cart_tending_interval=max(read.seconds("CART_TENDING_INTERVAL", "300"), timedelta(seconds=1)),
        shelves_study_interval=max(read.seconds("SHELVES_STUDY_INTERVAL", "3600"), timedelta(seconds=1)),
        stock_proof_interval=max(read.seconds("STOCK_PROOF_INTERVAL", "3600"), timedelta(seconds=1)),
        reconcile_interval=max(read.seconds("RECONCILE_INTERVAL", "3600"), timedelta(seconds=1)),
        reconcile_window=read.seconds("RECONCILE_WINDOW", "3024000"),
        payout_interval=max(read.seconds("PAYOUT_INTERVAL", "86400"), timedelta(seconds=1)),
        payout_minimum=read.minima("PAYOUT_MINIMUM"),
        search_healing_interval=max(read.seconds("SEARCH_HEALING_INTERVAL", "3600"), timedelta(seconds=1)),
        build_id=read.build("WORKER_BUILD_ID"),
        metrics_host=read.text("WORKER_METRICS_HOST", "127.0.0.1"),
        metrics_port=read.port("WORKER_METRICS_PORT"),
    )


def database_url(environment: Mapping[str, str] | None = None) -> str:
    """The database alone, for the migration job."""
    return Variables(os.environ if environment is None else environment).text("DATABASE_URL")


def secret_key(environment: Mapping[str, str] | None = None) -> bytes:
    """The secret alone, for whoever is about to change it. Raises: Invalid."""
    return _secret(Variables(os.environ if environment is None else environment))


def _secret(read: Variables) -> bytes:
    key = read.text("SECRET_KEY").encode()
    if len(key) < 32:
        raise Invalid("SECRET_KEY must have at least 32 characters: try `openssl rand -hex 32`")
    return key


def _payload_keys(text: str | None, secret: bytes) -> Keyring:
    keys = keyring(text, secret)
    if keys is None:
        raise Invalid(
            "PAYLOAD_KEYS must look like id:base64,id2:base64 with keys of 32 bytes (`openssl rand -base64 32`), "
            "or be empty, or be none"
        )
    return keys


def _shared(read: Variables) -> dict[str, Any]:
    key = _secret(read)
    return {
        "database_url": read.text("DATABASE_URL"),
        "redis_url": read.text("REDIS_URL"),
        "temporal_address": read.text("TEMPORAL_ADDRESS"),
        "temporal_namespace": read.text("TEMPORAL_NAMESPACE", "default"),
        "meilisearch_url": read.optional("MEILISEARCH_URL"),
        "meilisearch_api_key": read.optional("MEILISEARCH_API_KEY"),
        "media_dir": Path(read.text("MEDIA_DIR", "media")),
        "storage_url": read.bucket("STORAGE_URL"),
        "public_url": read.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
        "return_within": read.seconds("RETURN_WITHIN", "2592000"),
        "shop": Shop(
            read.text("SHOP_NAME", "Holdfast"),
            tuple(line.strip() for line in (read.optional("SHOP_ADDRESS") or "").split("|") if line.strip()),
            read.optional("SHOP_TAX_ID"),
        ),
        "timezone": read.zone("SHOP_TIMEZONE", "UTC"),
        "outgoing_private": read.one_of("OUTGOING_PRIVATE", ("yes", "no"), "no") == "yes",
        "secret_key": key,
        "otlp_endpoint": read.site("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "otlp_headers": read.headers("OTEL_EXPORTER_OTLP_HEADERS"),
        "trace_share": read.share("OTEL_TRACES_SAMPLER_ARG", "1"),
        "payload_keys": _payload_keys(read.optional("PAYLOAD_KEYS"), key),
        "log_level": read.one_of("LOG_LEVEL", LOG_LEVELS, "info", fold=True),
        "log_format": read.one_of("LOG_FORMAT", ("json", "console"), "json"),
    }


def _screening(limit: str | None, within: timedelta) -> Screening | None:
    if limit is None:
        return None
    if not limit.isdecimal() or not 0 < int(limit) <= 1000:
        raise Invalid(f"SCREENING_LIMIT must be a number of points from 1 to 1000, or be empty, not {limit!r}")
    return Screening(int(limit), within)

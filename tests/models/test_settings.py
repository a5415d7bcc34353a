"""The environment, read once: what is missing or wrong is named, and no process holds what it does not need."""

import base64
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from models import settings
from models.environment import Invalid, Rate
from models.settings import KNOWN, ApiSettings, WorkerSettings, api_settings, worker_settings

COMPLETE = {
    "DATABASE_URL": "postgresql://u:p@db/shop", "REDIS_URL": "redis://cache:6379", "TEMPORAL_ADDRESS": "temporal:7233",
    "SECRET_KEY": "s" * 32, "STRIPE_WEBHOOK_SECRET": "whsec_1", "STRIPE_SECRET_KEY": "sk_test_1",
    "SMTP_URL": "smtp://mail:25",
}  # fmt: skip
KEY = base64.b64encode(b"k" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()
OF_BOTH = ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "SECRET_KEY")


class Noting(Mapping[str, str]):
    """An environment that remembers which names were asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return COMPLETE[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMPLETE)

    def __len__(self) -> int:
        return len(COMPLETE)


def test_known_names_are_exactly_those_that_are_read() -> None:
    """Given both processes and the migration, then they read every known variable and no other."""
    environment = Noting()
    api_settings(environment)
    worker_settings(environment)
    settings.database_url(environment)
    assert environment.asked == KNOWN


@pytest.mark.parametrize("name", [*OF_BOTH, "STRIPE_WEBHOOK_SECRET"])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_the_api_says_what_it_misses(name: str, value: str | None) -> None:
    """Given no or an empty value for a variable the API cannot do without, then the message begins with its name."""
    with pytest.raises(Invalid, match=f"^{name} "):
        api_settings(_with(name, value))


@pytest.mark.parametrize("name", [*OF_BOTH, "STRIPE_SECRET_KEY", "SMTP_URL"])
def test_the_worker_says_what_it_misses(name: str) -> None:
    """Given none of a variable the worker cannot do without, then the message begins with its name."""
    with pytest.raises(Invalid, match=f"^{name} "):
        worker_settings(_with(name, None))


def test_migrations_need_the_database_alone() -> None:
    """Given only the database's address, then migrations can run; without it they say so."""
    assert settings.database_url({"DATABASE_URL": "postgresql://x"}) == "postgresql://x"
    with pytest.raises(Invalid, match=r"^DATABASE_URL "):
        settings.database_url({})


def test_defaults() -> None:
    """Given only what is needed, then everything else is as documented."""
    api, worker = api_settings(COMPLETE), worker_settings(COMPLETE)
    assert (api.temporal_namespace, api.log_level, api.log_format) == ("default", "info", "json")
    assert (api.public_url, api.temporal_ui_url) == ("http://127.0.0.1:8000", "http://127.0.0.1:8233")
    assert (api.answer_budget, api.default_currency, str(api.media_dir)) == (timedelta(seconds=5), "usd", "media")
    assert (api.meilisearch_url, api.meilisearch_api_key) == (None, None)
    assert (api.rate_limits.general, api.rate_limits.login) == (Rate(600, 60), Rate(10, 60))
    assert api.forwarded_hops == 0
    assert (worker.payment_window, worker.stripe_api_base, worker.metrics_port) == (timedelta(minutes=30), None, None)
    assert (worker.cart_reminder_after, worker.cart_lifetime, worker.cart_tending_interval) == (
        timedelta(days=1), timedelta(days=30), timedelta(minutes=5),
    )  # fmt: skip
    assert worker.search_healing_interval == worker.shelves_study_interval == timedelta(hours=1)
    assert worker.build_id is None
    assert worker.mail_from == "Holdfast <orders@holdfast.example>"


def test_values_are_read_as_what_they_mean() -> None:
    """Given other values, then durations are seconds, addresses end without a slash, the port is a number."""
    given = {
        **COMPLETE, "PAYMENT_WINDOW": "90", "CHECKOUT_ANSWER_BUDGET": "0.5", "PUBLIC_URL": "https://shop.example/",
        "WORKER_METRICS_PORT": "9000", "STRIPE_API_BASE": " http://127.0.0.1:1 ", "LOG_LEVEL": "DEBUG",
        "RATE_LIMIT_LOGIN": "3/second", "RATE_LIMIT_OTP": "off", "RATE_LIMIT_FORGOT": "7/day", "FORWARDED_HOPS": "2",
        "CART_REMINDER_AFTER": "2", "CART_LIFETIME": "60", "CART_TENDING_INTERVAL": "0.1",
    }  # fmt: skip
    api, worker = api_settings(given), worker_settings(given)
    assert (api.answer_budget, worker.payment_window) == (timedelta(milliseconds=500), timedelta(seconds=90))
    assert (api.public_url, worker.metrics_port, worker.stripe_api_base) == (
        "https://shop.example", 9000, "http://127.0.0.1:1",
    )  # fmt: skip
    assert (api.log_level, api.forwarded_hops) == ("debug", 2)
    assert (worker.cart_reminder_after, worker.cart_lifetime, worker.cart_tending_interval) == (
        timedelta(seconds=2), timedelta(minutes=1), timedelta(seconds=1),
    )  # fmt: skip
    limits = api.rate_limits
    assert (limits.login, limits.otp, limits.forgot) == (Rate(3, 1), None, Rate(7, 86400))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAYMENT_WINDOW", "soon"), ("PAYMENT_WINDOW", "0"), ("PAYMENT_WINDOW", "-1"), ("PAYMENT_WINDOW", "nan"),
        ("PAYMENT_WINDOW", "inf"), ("PAYMENT_WINDOW", "1e9"), ("SECRET_KEY", "short"), ("SECRET_KEY", "s" * 31),
        ("WORKER_BUILD_ID", "two words"), ("WORKER_BUILD_ID", "-x"), ("WORKER_BUILD_ID", "b" * 81),
        ("LOG_FORMAT", "xml"), ("LOG_LEVEL", "loud"), ("WORKER_METRICS_PORT", "nine"), ("WORKER_METRICS_PORT", "-1"),
        ("WORKER_METRICS_PORT", "65536"), ("SMTP_URL", "mail.example"), ("SMTP_URL", "http://mail.example"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret"), ("OTEL_EXPORTER_OTLP_HEADERS", "a b=c"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"), ("OTEL_TRACES_SAMPLER_ARG", "-0.5"), ("OTEL_TRACES_SAMPLER_ARG", "all"),
    ],
)  # fmt: skip
def test_what_the_worker_cannot_read_is_named(name: str, value: str) -> None:
    """Given a value that makes no sense, then the process does not start and says which variable it is."""
    with pytest.raises(Invalid, match=f"^{name} "):
        worker_settings(_with(name, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHECKOUT_ANSWER_BUDGET", "never"), ("DEFAULT_CURRENCY", "USD"), ("DEFAULT_CURRENCY", "bitcoin"),
        ("RATE_LIMIT_LOGIN", "10"), ("RATE_LIMIT_LOGIN", "0/minute"), ("RATE_LIMIT_LOGIN", "10/week"),
        ("RATE_LIMIT_OTP", "-1/minute"), ("RATE_LIMIT_GENERAL", "none"), ("FORWARDED_HOPS", "-1"),
        ("FORWARDED_HOPS", "one"), ("FORWARDED_HOPS", "101"),
    ],
)  # fmt: skip
def test_what_the_api_cannot_read_is_named(name: str, value: str) -> None:
    """Given a value that makes no sense, then the process does not start and says which variable it is."""
    with pytest.raises(Invalid, match=f"^{name} "):
        api_settings(_with(name, value))


@pytest.mark.parametrize(
    "value",
    ["k", "k:", ":a2V5", "k:a2V5", f"k:{KEY}x", f"k y:{KEY}", f"k:{KEY},", f"k:{KEY},k:{KEY}", f"{KEY}", "none,k:x"],
)
def test_payload_keys_that_cannot_be_read_are_not_told(value: str) -> None:
    """Given a key that is too short, twice, without a name or not base64, then nothing starts, and it is not shown."""
    for read in (api_settings, worker_settings):
        with pytest.raises(Invalid, match=r"^PAYLOAD_KEYS ") as refused:
            read(_with("PAYLOAD_KEYS", value))
        assert KEY not in str(refused.value)


def test_payload_keys_are_the_same_for_both_processes() -> None:
    """Given none, one, several or no more keys, then both know the same ones, and of each ring only names are shown."""
    own = api_settings(COMPLETE).payload_keys
    assert (own.current, list(own.keys)) == ("secret-cd7256bf", ["secret-cd7256bf"])
    for value, current, known in (
        (f"new:{KEY}", "new", {"new"}), (f"new:{KEY}, old:{OTHER}", "new", {"new", "old"}),
        ("none", None, set()), (f"none,old:{OTHER}", None, {"old"}),
    ):  # fmt: skip
        keys = worker_settings(_with("PAYLOAD_KEYS", value)).payload_keys
        assert keys == api_settings(_with("PAYLOAD_KEYS", value)).payload_keys
        assert (keys.current, set(keys.keys)) == (current, known | set(own.keys))
        assert KEY not in repr(keys)
        assert "bytes" not in repr(keys)


def test_a_secret_is_not_told() -> None:
    """Given a secret that is too short, then the message does not repeat it."""
    with pytest.raises(Invalid) as refused:
        api_settings(_with("SECRET_KEY", "hunter2"))
    assert "hunter2" not in str(refused.value)


def test_no_process_holds_the_other_s_keys() -> None:
    """Given the two structs, then the API has no Stripe key, and the worker no webhook secret."""
    assert not {"stripe_secret_key", "smtp_url"} & set(ApiSettings.__struct_fields__)
    assert not {"stripe_webhook_secret", "temporal_ui_url"} & set(WorkerSettings.__struct_fields__)


def test_settings_do_not_change() -> None:
    """Given settings that were read, then nobody can set one."""
    with pytest.raises(AttributeError, match="immutable"):
        api_settings(COMPLETE).log_level = "debug"  # type: ignore[misc]


def _with(name: str, value: str | None) -> dict[str, str]:
    changed = {other: known for other, known in COMPLETE.items() if other != name}
    return changed if value is None else {**changed, name: value}


def test_where_traces_go() -> None:
    """Given a collector, its key and a share, then they are read as OpenTelemetry writes them."""
    read = worker_settings({
        **_with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"),
        "OTEL_EXPORTER_OTLP_HEADERS": "Api-Key=a%20b=c, other=d", "OTEL_TRACES_SAMPLER_ARG": "0.25",
    })  # fmt: skip
    assert (read.otlp_endpoint, read.trace_share) == ("http://collector:4318", 0.25)
    assert read.otlp_headers == {"api-key": "a b=c", "other": "d"}

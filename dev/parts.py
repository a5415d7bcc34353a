"""What each part of the embedded stack is: how it is started, when it is ready, how it likes to be stopped."""

import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dev import knock, postgres, temporal
from dev.ports import HOST
from dev.site import Site

BIN = Path(sys.executable).parent

INTERNAL = frozenset(
    (
        "STRIPE_SECRET_KEY STRIPE_API_BASE CHAPA_SECRET_KEY CHAPA_API_BASE SMTP_URL MAIL_FROM PAYMENT_WINDOW "
        "SHIP_WITHIN"
    ).split()
)
"""Variables of the worker that the API process must not hold."""

WEBHOOK_EVENTS = (
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "setup_intent.canceled",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "refund.updated",
    "refund.failed",
)
"""What the shop's endpoint subscribes to, as docs/operating.md tells whoever sets up a real one."""
WEBHOOK_DELAY = 0.5
"""Seconds from an event to its webhook, about what Stripe takes."""


def _nothing(_: Site) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the site."""

    title: str
    ports: tuple[str, ...]
    """What it listens on, by name in `Ports`."""
    argv: Callable[[Site], list[str]]
    ready: Callable[[Site, float], bool]
    """Does it do its work? The second argument is when it was started, in seconds since the epoch."""
    provides: frozenset[str] = frozenset()
    """The variables by which the others find it."""
    prepare: Callable[[Site], None] = _nothing
    """Before every start."""
    tidy: Callable[[Site], None] = _nothing
    """After a clean stop."""
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10
    """Seconds to stop by itself."""
    withheld: frozenset[str] = frozenset()
    """Variables it must not see."""
    refuses_root: bool = False


def _redis(site: Site) -> list[str]:
    # A cache: nothing in it is worth a write to disk.
    return [
        str(BIN / "redis-server"), "--port", str(site.ports.redis), "--bind", HOST, "--save", "", "--appendonly", "no",
        "--databases", "64", "--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru", "--dir", str(site.home),
    ]  # fmt: skip


def _stripe(site: Site) -> list[str]:
    return [
        sys.executable, "-m", "dev.stripe", "--port", str(site.ports.stripe), "--state", str(site.home / "stripe.db"),
        "--webhook", f"http://{HOST}:{site.ports.api}/api/v1/webhooks/stripe",
        "--webhook-secret", site.secrets.stripe_webhook_secret, "--webhook-events", ",".join(WEBHOOK_EVENTS),
        "--webhook-delay", str(WEBHOOK_DELAY),
    ]  # fmt: skip


def _chapa(site: Site) -> list[str]:
    return [
        sys.executable, "-m", "dev.chapa", "--port", str(site.ports.chapa), "--state", str(site.home / "chapa.db"),
        "--webhook", f"http://{HOST}:{site.ports.api}/api/v1/webhooks/chapa",
        "--webhook-secret", site.secrets.chapa_webhook_secret, "--webhook-delay", str(WEBHOOK_DELAY),
    ]  # fmt: skip


def _mail(site: Site) -> list[str]:
    return [
        sys.executable, "-m", "dev.mailsink", "--port", str(site.ports.mail), "--smtp-port", str(site.ports.smtp),
        "--folder", str(site.home / "mails"),
    ]  # fmt: skip


def _api(site: Site) -> list[str]:
    return [
        sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", HOST,
        "--port", str(site.ports.api), "--workers", "1", "--no-ws", "--workers-kill-timeout", "10",
        "api.app:create_app",
    ]  # fmt: skip


PARTS: dict[str, Part] = {
    "postgres": Part(
        title="PostgreSQL",
        ports=("postgres",),
        provides=frozenset({"DATABASE_URL"}),
        prepare=lambda site: postgres.prepare(site.home / "postgres", site.secrets.postgres_password, site.say),
        argv=lambda site: postgres.arguments(site.home / "postgres", site.ports.postgres, durable=site.durable),
        ready=lambda site, _: postgres.answers(postgres.at_database(site.database_url, "postgres")),
        tidy=lambda site: shutil.rmtree(postgres.socket_path(site.home / "postgres"), ignore_errors=True),
        stop_signal=signal.SIGINT,  # its fast shutdown: waits for no client
        grace=20,
        refuses_root=True,
    ),
    "temporal": Part(
        title="Temporal and its UI",
        ports=("temporal", "temporal_ui", "temporal_metrics"),
        provides=frozenset({"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_UI_URL"}),
        argv=lambda site: temporal.arguments(
            site.home / "temporal.db", site.ports, durable=site.durable, namespaces=site.namespaces
        ),
        ready=lambda site, _: temporal.answers(site.urls["temporal_ui"], site.namespaces),
    ),
    "redis": Part(
        title="Redis",
        ports=("redis",),
        provides=frozenset({"REDIS_URL"}),
        argv=_redis,
        ready=lambda site, _: knock.pongs(site.ports.redis),
    ),
    "stripe": Part(
        title="Stripe simulator",
        ports=("stripe",),
        provides=frozenset({"STRIPE_API_BASE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"}),
        argv=_stripe,
        ready=lambda site, _: knock.listens(site.ports.stripe),
    ),
    "chapa": Part(
        title="Chapa simulator",
        ports=("chapa",),
        provides=frozenset({"CHAPA_API_BASE", "CHAPA_SECRET_KEY", "CHAPA_WEBHOOK_SECRET"}),
        argv=_chapa,
        ready=lambda site, _: knock.listens(site.ports.chapa),
    ),
    "mail": Part(
        title="mail sink",
        ports=("mail", "smtp"),
        provides=frozenset({"SMTP_URL"}),
        argv=_mail,
        ready=lambda site, _: knock.answers(f"{site.urls['mails']}/messages"),
    ),
    "worker": Part(
        title="worker",
        ports=("worker_metrics",),
        argv=lambda _: [sys.executable, "worker.py"],
        ready=lambda site, since: temporal.is_polled(
            site.environment()["TEMPORAL_UI_URL"],
            site.environment()["TEMPORAL_NAMESPACE"],
            "orders",
            since,
        ),
        grace=25,
        withheld=frozenset({"STRIPE_WEBHOOK_SECRET", "CHAPA_WEBHOOK_SECRET"}),
    ),
    "api": Part(
        title="API",
        ports=("api",),
        argv=_api,
        ready=lambda site, _: knock.answers(f"{site.urls['api']}/health/ready"),
        grace=15,
        withheld=INTERNAL,
    ),
}
"""Every part by its name, in the order in which they start."""

FOUNDATIONS = ("postgres", "temporal", "redis", "stripe", "chapa", "mail")
"""What API and worker stand on; they start side by side."""

"""Where one stack's things are: folder, ports, secrets, and the variables and addresses that follow from them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dev import postgres
from dev.ports import HOST, Ports
from dev.state import Secrets


class Site:
    """Everything about a stack that is known before a process runs.

    given: variables of parts that run elsewhere; they win over our own.
    durable: False spares the disk, for tests; a killed process loses nothing even so.
    """

    def __init__(
        self,
        home: Path,
        ports: Ports,
        *,
        given: Mapping[str, str] | None = None,
        durable: bool = True,
        namespaces: Sequence[str] = ("default",),
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.home = home.resolve()
        self.home.mkdir(parents=True, exist_ok=True)
        self.ports = ports
        self.durable = durable
        self.namespaces = tuple(namespaces)
        self.say = say
        self.secrets = Secrets.kept_in(self.home)
        self._given = dict(given or {})

    @property
    def urls(self) -> dict[str, str]:
        """Addresses for a browser or curl, by name."""
        at = {name: f"http://{HOST}:{port}" for name, port in self.ports.by_name().items()}
        return {
            "api": at["api"],
            "docs": f"{at['api']}/docs",
            "desk": f"{at['api']}/desk",
            "health": f"{at['api']}/health/ready",
            "metrics": f"{at['api']}/metrics",
            "temporal_ui": at["temporal_ui"],
            "mails": at["mail"],
            "stripe": at["stripe"],
            "chapa": at["chapa"],
            "worker_metrics": f"{at['worker_metrics']}/metrics",
            "temporal_metrics": f"{at['temporal_metrics']}/metrics",
        }

    @property
    def database_url(self) -> str:
        """The stack's own database."""
        return f"postgresql://{postgres.OWNER}:{self.secrets.postgres_password}@{HOST}:{self.ports.postgres}/holdfast"

    def environment(self) -> dict[str, str]:
        """The variables API and worker are configured by."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": f"redis://{HOST}:{self.ports.redis}/0",
            "TEMPORAL_ADDRESS": f"{HOST}:{self.ports.temporal}",
            "TEMPORAL_NAMESPACE": self.namespaces[0],
            "TEMPORAL_UI_URL": self.urls["temporal_ui"],
            "STRIPE_SECRET_KEY": self.secrets.stripe_secret_key,
            "STRIPE_API_BASE": self.urls["stripe"],
            "STRIPE_DASHBOARD_URL": "none",
            "STRIPE_WEBHOOK_SECRET": self.secrets.stripe_webhook_secret,
            "CHAPA_SECRET_KEY": self.secrets.chapa_secret_key,
            "CHAPA_API_BASE": self.urls["chapa"],
            "CHAPA_WEBHOOK_SECRET": self.secrets.chapa_webhook_secret,
            "SMTP_URL": f"smtp://{HOST}:{self.ports.smtp}",
            "PUBLIC_URL": self.urls["api"],
            "SECRET_KEY": self.secrets.secret_key,
            "MEDIA_DIR": str(self.home / "media"),
            "WORKER_METRICS_PORT": str(self.ports.worker_metrics),
            "LOG_FORMAT": "json",
        } | self._given

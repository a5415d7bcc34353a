"""The state folder: secrets made once, the lock that tells whether a stack runs, and stack.json for whoever asks."""

import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any


@dataclass(frozen=True)
class Secrets:
    """Made on the first start and kept: whoever holds a cart token today can use it tomorrow."""

    secret_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    postgres_password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    stripe_secret_key: str = field(default_factory=lambda: f"sk_test_{secrets.token_hex(24)}", repr=False)
    stripe_webhook_secret: str = field(default_factory=lambda: f"whsec_{secrets.token_hex(24)}", repr=False)
    chapa_secret_key: str = field(default_factory=lambda: f"CHASECK_TEST-{secrets.token_hex(24)}", repr=False)
    chapa_webhook_secret: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    shopper_password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)

    @classmethod
    def kept_in(cls, home: Path) -> "Secrets":
        """Read them, or make them; those that an older version did not know yet are added."""
        path = home / "secrets.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        made = cls(**{name: value for name, value in kept.items() if name in cls.__dataclass_fields__})
        if asdict(made) != kept:
            write_json(path, asdict(made))
        return made


class Lock:
    """Held by the supervisor for as long as it lives; the kernel lets go of it whatever way it dies."""

    def __init__(self, home: Path) -> None:
        self._path = home / "lock"
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Returns False when another supervisor holds it."""
        file = self._path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let the next one in."""
        if self._file is not None:
            self._file.close()
            self._file = None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write so that a reader sees the old or the new file, never half of one; for the owner's eyes only."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(content, indent=2) + "\n")
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """What was written; empty when nothing was, or nothing that can be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

"""The folder of caught mails: one .eml file each, read back as a mail program would read it."""

import email
import email.policy
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

_FROM, _TO = "X-Envelope-From", "X-Envelope-To"


class Mailbox:
    """Mails in the order in which they came. They outlive the sink."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._counter = itertools.count()
        self._known: dict[str, dict[str, Any]] = {}

    def keep(self, sender: str, recipients: Sequence[str], content: bytes) -> str:
        """Store one mail as it was sent, with its envelope on top. Returns its id."""
        identity = f"{time.time_ns()}-{next(self._counter) % 1000:03d}"
        envelope = f"{_FROM}: {sender}\r\n{_TO}: {', '.join(recipients)}\r\n"
        partial = self._folder / f".{identity}"
        partial.write_bytes(envelope.encode() + content)
        partial.rename(self._folder / f"{identity}.eml")
        return identity

    def summaries(self, *, to: str | None = None) -> list[dict[str, Any]]:
        """What each mail is about, oldest first; with `to`, those to this address only."""
        found = map(self._about, sorted(path.stem for path in self._folder.glob("*.eml")))
        return [each for each in found if each and (to is None or to.lower() in map(str.lower, each["to"]))]

    def mail(self, identity: str) -> dict[str, Any] | None:
        """One mail, taken apart; None if there is none of this id."""
        raw = self.raw(identity)
        if raw is None:
            return None
        message = _parse(raw)
        return _summary(identity, message) | {
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": _body(message, "plain"),
            "html": _body(message, "html"),
            "attachments": [
                {"name": part.get_filename(), "type": part.get_content_type(), "size": len(part.get_content())}
                for part in message.iter_attachments()
            ],
        }

    def raw(self, identity: str) -> bytes | None:
        """One mail as it came, under its envelope."""
        if not identity.replace("-", "").isdigit():
            return None
        with suppress(FileNotFoundError):
            return (self._folder / f"{identity}.eml").read_bytes()
        return None

    def empty(self) -> int:
        """Throw all mails away. Returns how many there were."""
        paths = list(self._folder.glob("*.eml"))
        for path in paths:
            path.unlink(missing_ok=True)
        self._known.clear()
        return len(paths)

    def _about(self, identity: str) -> dict[str, Any] | None:
        """A mail never changes: its summary is read once, without what stands below its headers."""
        if identity not in self._known:
            raw = self.raw(identity)
            if raw is None:
                return None
            self._known[identity] = _summary(identity, _parse(raw.partition(b"\r\n\r\n")[0]))
        return self._known[identity]


def _parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def _summary(identity: str, message: EmailMessage) -> dict[str, Any]:
    came = datetime.fromtimestamp(int(identity.split("-")[0]) / 1e9, UTC)
    return {
        "id": identity,
        "received_at": came.isoformat(timespec="milliseconds"),
        "from": str(message[_FROM] or ""),
        "to": [name.strip() for name in str(message[_TO] or "").split(",") if name.strip()],
        "subject": str(message["Subject"] or ""),
        "message_id": str(message["Message-ID"] or ""),
    }


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else str(part.get_content())

"""A letter to a buyer: which one, to whom, with which facts. Its words are made in `models/wording/`."""

from enum import StrEnum
from uuid import UUID

import msgspec


class LetterStatus(StrEnum):
    """How far a letter is."""

    WAITING = "waiting"
    """It has not left; one that failed for now is tried again."""
    SENT = "sent"
    """The mail server took it."""
    FAILED = "failed"
    """The mail server refused it for good. It goes out again when somebody says so."""
    WITHDRAWN = "withdrawn"
    """What it was about was over before it left."""


class Letter(msgspec.Struct, frozen=True):
    """One mail waiting in the outbox. `id` becomes its Message-ID, so that a second sending is the same mail."""

    id: UUID
    template: str
    """Name of the template: a file of `models/wording/templates/`."""
    to: str
    order_number: str | None
    """None: it is about an account."""
    facts: dict[str, object]
    locale: str = "en"
    """Its reader's (BCP 47)."""

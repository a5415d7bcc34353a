"""A letter to a buyer: which one, to whom, with which facts. Wording and layout are templates of the mail activity."""

from uuid import UUID

import msgspec


class Letter(msgspec.Struct, frozen=True):
    """One mail waiting in the outbox. `id` becomes its Message-ID, so that a second sending is the same mail."""

    id: UUID
    template: str
    """Name of the template: a file of `activities/templates/`."""
    to: str
    order_number: str | None
    """None: it is about an account."""
    facts: dict[str, object]

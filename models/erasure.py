"""What is left of somebody who was forgotten, and the word for it."""

import msgspec

from models.ids import OrderNumber, UserId

ERASED = "erased"
"""Stands where a buyer's words or address stood."""


class Business(msgspec.Struct, frozen=True):
    """What of an account is not over."""

    orders: tuple[OrderNumber, ...]
    """Open ones, the newest; at most `MOST_TOLD`."""
    letters: int
    """To be sent yet. One that nobody takes for a week is not counted: it is withdrawn."""
    customer: str | None
    """The payment provider's id of them."""

    @property
    def is_over(self) -> bool:
        """Whether nothing stands in the way of forgetting."""
        return not self.orders and not self.letters


MOST_TOLD = 20
"""Open orders that the erasure's page in the Temporal UI names."""


def erasure_workflow_id(user: UserId) -> str:
    """One account, one erasure."""
    return f"erasure/{user}"


def address_of(user: UserId) -> str:
    """The address of an account that had another one. Mail cannot go there: RFC 2606 keeps the name free."""
    return f"{ERASED}-{user}@invalid"

"""Resets of passwords: opened with their letter, and forgotten when they are over."""

from datetime import datetime

import msgspec
from temporalio import activity

from models.database import Database
from models.ids import ResetId
from models.reset import email_key
from models.tables import outbox
from models.tables import password_reset as resets


class OpenReset(msgspec.Struct, frozen=True):
    """Somebody asked for a code to an address, which may or may not have an account."""

    reset: ResetId
    email: str
    expires_at: datetime


class CloseReset(msgspec.Struct, frozen=True):
    """A reset is over, used or not."""

    reset: ResetId


class PasswordActivities:
    """Needs Postgres, and the key that makes an address unreadable."""

    def __init__(self, database: Database, secret_key: bytes) -> None:
        self._database = database
        self._key = secret_key

    @activity.defn
    async def open_reset(self, request: OpenReset) -> None:
        """Open a reset, and write its letter if there is an account with this address.

        Changes: password_resets, in the place of an earlier one of the address; outbox.
        Again: changes nothing, nor after a later reset of the same address.
        Undo: `close_reset`.
        """
        key = email_key(self._key, request.email)
        async with self._database.writing() as writer:
            user = await resets.begin(writer, request.reset, key, request.email, request.expires_at)
            if user is not None:
                cause = f"password_reset/{request.reset}"
                await outbox.write_account_letter(writer, "password_reset", user, cause, {"reset": request.reset})

    @activity.defn
    async def close_reset(self, request: CloseReset) -> None:
        """Forget a reset that is over.

        Changes: password_resets.
        Again: changes nothing.
        Undo: nothing, whoever still needs a new password asks again.
        """
        async with self._database.writing() as writer:
            await resets.remove(writer, request.reset)

"""Forgetting an account on our own rows: closed at once, looked after while it has business, then forgotten."""

import msgspec
from temporalio import activity

from models import clock, tokens
from models.database import Database
from models.erasure import Business
from models.errors import Refusal
from models.ids import UserId
from models.tables import erasure


class CloseAccount(msgspec.Struct, frozen=True):
    """Its owner wants to be forgotten."""

    user: UserId


class LookForBusiness(msgspec.Struct, frozen=True):
    """Ask what of an account is not over."""

    user: UserId


class ForgetAccount(msgspec.Struct, frozen=True):
    """Nothing of the account is open any more."""

    user: UserId
    customer: str | None
    """Who the payment provider knew it as."""


class BlankEvents(msgspec.Struct, frozen=True):
    """Events may have come late."""

    user: UserId
    customer: str | None


class ErasureActivities:
    """Needs Postgres, and the key of the names that looks at products are kept under."""

    def __init__(self, database: Database, secret_key: bytes) -> None:
        self._database = database
        self._key = secret_key

    @activity.defn
    async def close_account(self, request: CloseAccount) -> bool:
        """Close an account for good: signed out everywhere, its address free again, a farewell on its way there.

        Changes: the account, sessions, resets, outbox. False, and nothing: it is the last admin's.
        Again: changes nothing.
        Undo: none.
        """
        try:
            async with self._database.writing() as writer:
                await erasure.close(writer, request.user)
        except Refusal:
            return False
        return True

    @activity.defn
    async def look_for_business(self, request: LookForBusiness) -> Business:
        """Look what of an account is not over: open orders, letters to be sent.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        return await erasure.business(self._database, request.user)

    @activity.defn
    async def forget_account(self, request: ForgetAccount) -> None:
        """Delete what was the person's, and take the person out of what the books need.

        Changes: every table that holds something of a person; no sum, no line and no ledger.
        Again: changes nothing.
        Undo: none.
        """
        visitors = tokens.visitors(self._key, request.user, clock.now().date())
        async with self._database.writing() as writer:
            await erasure.forget(writer, request.user, request.customer, visitors)

    @activity.defn
    async def blank_events(self, request: BlankEvents) -> None:
        """Take the person out of what the provider told since the account was forgotten.

        Changes: webhook_events.
        Again: changes nothing.
        Undo: none.
        """
        async with self._database.writing() as writer:
            await erasure.blank_events(writer, request.user, request.customer)

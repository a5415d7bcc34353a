"""What vendors are paid out: found, fixed, and written down how it ended. The sending is `activities/payments/`'s."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial

import msgspec
import structlog
from temporalio import activity

from models.database import Database, Writer, apart
from models.ids import OrderId, VendorId, first_id
from models.tables import payout as payouts
from models.tables import payout_ledger as ledger
from models.vendor import Payout, ProviderTransfer

log = structlog.get_logger()

MOST_MENDED = 200
"""Orders a step of which the books are put right."""


class MendBooks(msgspec.Struct, frozen=True):
    """Have the payout ledger say what the ledger of money says, of orders whose money moved since then."""

    since: datetime


class DuePayout(msgspec.Struct, frozen=True):
    """A vendor who is to be paid out."""

    vendor_id: VendorId
    currency: str
    day: date


class FindDue(msgspec.Struct, frozen=True):
    """Who is to be paid out on this day."""

    day: date


class DueFound(msgspec.Struct, frozen=True):
    """All of them; those whose payout nobody knows the end of, too."""

    due: tuple[DuePayout, ...]


class EndPayout(msgspec.Struct, frozen=True):
    """What came of a payout, as the provider says."""

    payout: Payout
    seen: ProviderTransfer


class PayoutActivities:
    """Needs Postgres, and from how many minor units on a vendor is paid out, by currency; elsewhere from one on."""

    def __init__(self, database: Database, minima: Mapping[str, int]) -> None:
        self._database = database
        self._minima = minima

    @activity.defn
    async def mend_books(self, request: MendBooks) -> int:
        """Put right what the payout ledger did not hear of; how many that were. What cannot be, holds up no other.

        Changes: payout_entries, vendor_parts.
        Again: there is nothing left to be put right.
        Undo: nothing; what changes later is appended then.
        """
        async with self._database.writing() as writer:
            found = await ledger.differing(writer, first_id(request.since), MOST_MENDED)
            mended: list[bool] = []
            for each in found:
                error = await apart(writer, partial(_mend, writer, each.order, mended))
                if error is not None:
                    log.error("books not mended", order=str(each.order), error=str(error))
        return sum(mended)

    @activity.defn
    async def find_due(self, request: FindDue) -> DueFound:
        """Who is owed enough and can be paid out.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        async with self._database.reading() as reader:
            owed = await payouts.due(reader)
            open = await payouts.under_way(reader)
        due = [
            DuePayout(vendor, amount.currency, request.day) for vendor, amount in owed
            if amount.amount >= self._minima.get(amount.currency, 1)
        ]  # fmt: skip
        return DueFound(tuple(dict.fromkeys((*(DuePayout(*each) for each in open), *due))))

    @activity.defn
    async def fix_payout(self, request: DuePayout) -> Payout | None:
        """Fix what a vendor gets: all that is owed, taken out of the books before anything is sent.

        Changes: payout, payout_entries.
        Again: a vendor has one payout a day and currency, and it is answered wherever it stands.
        Undo: `settle_payout`, when the provider says no.
        """
        least = self._minima.get(request.currency, 1)
        async with self._database.writing() as writer:
            return await payouts.fix(writer, request.vendor_id, request.currency, request.day, least)

    @activity.defn
    async def settle_payout(self, request: EndPayout) -> None:
        """Write down that a payout was sent; or that the provider said no, and owe it again.

        Changes: payout, payout_entries; the log names one that failed.
        Again: it is settled once.
        Undo: nothing, final; what is owed again is in the next payout.
        """
        payout, seen = request.payout, request.seen
        async with self._database.writing() as writer:
            if seen.reference is not None:
                await payouts.paid(writer, payout, seen.reference)
            elif await payouts.failed(writer, payout, seen.why):
                log.error("payout failed", payout=str(payout.id), vendor=payout.vendor, error=seen.why)


async def _mend(writer: Writer, order: OrderId, mended: list[bool]) -> None:
    mended.append(await ledger.keep(writer, order, "mended"))

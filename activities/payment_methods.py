"""The cards of an account in our rows: each step one transaction, harmless when repeated."""

import msgspec
from temporalio import activity

from models.database import Database
from models.ids import UserId
from models.payment_method import KeptCard, SavedCard, Wallet
from models.tables import payment_method as wallets


class ReadWallet(msgspec.Struct, frozen=True):
    """Look what an account keeps."""

    user: UserId


class NoteCustomer(msgspec.Struct, frozen=True):
    """The provider knows the account as `customer`, no longer as `gone`."""

    user: UserId
    customer: str
    gone: str | None = None


class KeepMethod(msgspec.Struct, frozen=True):
    """The provider keeps a card for the account."""

    user: UserId
    card: KeptCard
    as_default: bool = False


class MethodKept(msgspec.Struct, frozen=True):
    """`card` None: it is not kept; the wallet tells why."""

    card: SavedCard | None
    wallet: Wallet


class DropMethod(msgspec.Struct, frozen=True):
    """The owner does not want a card kept any more."""

    user: UserId
    reference: str


class PaymentMethodActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def read_wallet(self, request: ReadWallet) -> Wallet:
        """Look what an account keeps, and as whom the provider knows it.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        async with self._database.reading() as reader:
            return await wallets.wallet(reader, request.user)

    @activity.defn
    async def note_customer(self, request: NoteCustomer) -> str | None:
        """Write down as whom the provider knows the account, unless that is known. Returns who it is; None: closed.

        Changes: the account; its cards too, when they went with a customer that is gone.
        Again: the first one to say it is believed.
        Undo: nothing, it is a fact.
        """
        async with self._database.writing() as writer:
            if request.gone is not None:
                await wallets.lose_customer(writer, request.user, request.gone)
            return await wallets.adopt_customer(writer, request.user, request.customer)

    @activity.defn
    async def keep_method(self, request: KeepMethod) -> MethodKept:
        """Keep a card for its owner. The first one, and one that is asked to, becomes the default.

        Changes: the account's cards.
        Again: the same card is one row.
        Undo: `drop_method`.
        """
        async with self._database.writing() as writer:
            card = await wallets.keep(writer, request.user, request.card, as_default=request.as_default)
            return MethodKept(card, await wallets.wallet(writer, request.user))

    @activity.defn
    async def drop_method(self, request: DropMethod) -> bool:
        """Show a card no longer; the newest other one becomes the default. False: the account has no such card.

        Changes: the account's cards.
        Again: a card that was removed stays removed.
        Undo: none; the provider takes no such card back.
        """
        async with self._database.writing() as writer:
            return await wallets.remove(writer, request.user, request.reference)

"""One card that a buyer wants to keep, from the click until the provider keeps it or the buyer has given up.

Id: `payment-method/<account>/<Idempotency-Key>`.
"""

from datetime import timedelta

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.checkout import Refused
from activities.payment_methods import KeepMethod, NoteCustomer, PaymentMethodActivities, ReadWallet
from activities.payments.setups import (
    CancelSetup,
    DetachMethod,
    EnsureCustomer,
    ForgetCustomer,
    ReadSetup,
    SetupActivities,
    StartSetup,
)  # fmt: skip
from models.ids import UserId
from models.payment_method import ProviderSetup, SavedCard, SetupStanding, Wallet
from workflows import patience, telling
from workflows.enduring import to_its_end
from workflows.news import ProviderNews

WITH_THE_BUYER = frozenset({SetupStanding.ACTION_REQUIRED, SetupStanding.METHOD_REQUIRED})
"""The buyer's browser has to do something; it needs the client secret."""
OPEN = WITH_THE_BUYER | {SetupStanding.PROCESSING}


class MethodToSave(msgspec.Struct, frozen=True):
    """A card to keep; without a method the buyer's browser sends it to the provider itself."""

    user: UserId
    digest: str
    """Of the request."""
    method: str | None = None
    as_default: bool = False


class AwaitSaving(msgspec.Struct, frozen=True):
    """Ask what came of it, as soon as the buyer can be told."""


class SavingState(msgspec.Struct, frozen=True):
    """Where the saving of a card stands."""

    digest: str
    """Of the request that began it: another one under the same key was not meant."""
    setup: ProviderSetup | None = None
    card: SavedCard | None = None
    """Set when it is saved."""
    refusal: Refused | None = None


@workflow.defn
class SavePaymentMethod:
    """Make the buyer known to the provider, let it set the card up, then write the card down.

    Waits: for the provider, and for the buyer's browser to finish, both until 24 hours after the click; then the
    setup is given up. Temporal's own cancel gives it up at once.
    """

    @workflow.init
    def __init__(self, wish: MethodToSave) -> None:
        self._wish = wish
        self._setup: ProviderSetup | None = None
        self._card: SavedCard | None = None
        self._refusal: Refused | None = None
        self._is_answered = False
        self._called_off = False
        self._events: set[str] = set()
        self._unread_news = False
        self._look = patience.FIRST_LOOK
        self._began = workflow.info().start_time  # the first task can be lost and run again

    @workflow.run
    async def run(self, wish: MethodToSave) -> SavingState:
        await to_its_end(self._story(), called_off=self._call_off)
        return self._state()

    # The story, step by step.

    async def _story(self) -> None:
        try:
            setup = await self._begin()
            if setup is not None:
                await self._end(await self._wait_for_buyer(setup))
        except FailureError as failed:
            self._tell(f"Given up: {telling.cause(failed)}")
            if not self._is_answered:
                self._refuse("unavailable", "The payment provider did not save this card. Please try again.")
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _begin(self) -> ProviderSetup | None:
        """The setup at the provider; None: it was refused before there was one."""
        self._tell("Looking what the account keeps", "a moment")
        wallet = await workflow.execute_local_activity_method(
            PaymentMethodActivities.read_wallet, ReadWallet(self._wish.user),
            summary="Look what the account keeps", **patience.DATABASE,
        )  # fmt: skip
        if wallet.is_full:
            self._refuse_another(wallet)
            return None
        customer = wallet.customer if wallet.is_open else None
        if wallet.is_open and customer is None:
            customer = await self._customer(None)
        setup = await self._start(customer) if customer else None
        if customer and setup and setup.standing is SetupStanding.CUSTOMER_GONE:
            customer = await self._customer(customer)
            setup = await self._start(customer) if customer else None
        if setup is None:
            self._refuse("unauthorized", "This account is closed.")
        return setup

    async def _customer(self, gone: str | None) -> str | None:
        """As whom the provider knows the buyer; None: the account was closed meanwhile."""
        self._tell("Making the buyer known to the provider", "the payment provider")
        customer = await workflow.execute_activity_method(
            SetupActivities.ensure_customer, EnsureCustomer(self._wish.user, gone),
            summary="Make the buyer known to the provider", **patience.provider(self._time_left()),
        )  # fmt: skip
        return await workflow.execute_local_activity_method(
            PaymentMethodActivities.note_customer, NoteCustomer(self._wish.user, customer, gone),
            summary="Write down who the buyer is there", **patience.DATABASE,
        )  # fmt: skip

    async def _start(self, customer: str) -> ProviderSetup:
        self._tell("Setting the card up", "the payment provider")
        request = StartSetup(customer, workflow.info().workflow_id, self._began, self._wish.method)
        return await workflow.execute_activity_method(
            SetupActivities.start_setup, request,
            summary="Set the card up", **patience.provider(self._time_left()),
        )  # fmt: skip

    async def _wait_for_buyer(self, setup: ProviderSetup) -> ProviderSetup:
        """Until the setup has ended, one way or the other. Goes round once for each news and each look of our own."""
        while setup.standing in OPEN:
            if setup.standing in WITH_THE_BUYER:
                self._answer(setup)
            if self._called_off or self._time_left() <= timedelta(0):
                return await self._cancel(setup)
            await self._pause(setup)
            setup = await self._look_again(setup)
        return setup

    async def _pause(self, setup: ProviderSetup) -> None:
        bank = setup.standing is SetupStanding.ACTION_REQUIRED
        waiting = f"the buyer's browser, to {'finish with the bank' if bank else 'send a card'}"
        self._tell(f"Not saved yet: {setup.code or setup.standing}", waiting)
        try:
            await workflow.wait_condition(
                lambda: self._unread_news or self._called_off,
                timeout=min(max(self._time_left(), timedelta(0)), self._look),
                timeout_summary="Look whether the card is saved",
            )
        except TimeoutError:
            self._look *= 2

    async def _look_again(self, known: ProviderSetup) -> ProviderSetup:
        """How the setup stands at the provider; what we know already, when it cannot be asked."""
        self._unread_news = False
        assert known.reference is not None
        try:
            return await workflow.execute_activity_method(
                SetupActivities.read_setup, ReadSetup(known.reference),
                summary="Ask the provider how the card stands", **patience.provider(),
            )  # fmt: skip
        except FailureError as failed:
            workflow.logger.warning("the provider cannot be asked: %s", telling.cause(failed))
            return known

    async def _end(self, setup: ProviderSetup) -> None:
        if setup.standing is SetupStanding.SAVED and setup.kept is not None:
            await self._keep(setup)
            return
        self._answer(setup)
        if setup.standing is SetupStanding.DECLINED and setup.reference is not None:
            await self._cancel(setup)
        self._tell(f"Not saved: {setup.code or setup.standing}")

    async def _keep(self, setup: ProviderSetup) -> None:
        assert setup.kept is not None
        kept = await workflow.execute_local_activity_method(
            PaymentMethodActivities.keep_method, KeepMethod(self._wish.user, setup.kept, self._wish.as_default),
            summary="Write the card down", **patience.DATABASE,
        )  # fmt: skip
        self._card = kept.card
        if kept.card is not None:
            self._answer(setup)
            self._tell(f"Saved: {kept.card.brand} {kept.card.last4}")
            return
        if kept.wallet.is_full:
            self._refuse_another(kept.wallet)
        else:
            self._answer(msgspec.structs.replace(setup, standing=SetupStanding.DECLINED, code="payment_method_invalid"))
        await self._let_go(setup.kept.reference, setup.kept.customer, forget=kept.wallet.is_erased)

    async def _let_go(self, method: str, customer: str, *, forget: bool) -> None:
        """The provider keeps what nobody wants kept any more: undo that."""
        self._tell("Letting the card go", "the payment provider")
        if forget:
            await workflow.execute_activity_method(
                SetupActivities.forget_customer, ForgetCustomer(self._wish.user, customer),
                summary="Let the provider forget the account", **patience.provider(patience.CLEANING_UP),
            )  # fmt: skip
        else:
            await workflow.execute_activity_method(
                SetupActivities.detach_method, DetachMethod(method),
                summary="Let the card go", **patience.provider(patience.CLEANING_UP),
            )  # fmt: skip
        self._tell("Not saved: it was not wanted any more")

    async def _cancel(self, setup: ProviderSetup) -> ProviderSetup:
        """Give the setup up; it may have succeeded a moment before."""
        assert setup.reference is not None
        self._tell("Giving the setup up", "the payment provider")
        return await workflow.execute_activity_method(
            SetupActivities.cancel_setup, CancelSetup(setup.reference),
            summary="Give the setup up", **patience.provider(patience.CLEANING_UP),
        )  # fmt: skip

    # Messages.

    @workflow.update(description="Answers with what came of it as soon as the buyer can be told.")
    async def await_saving(self, request: AwaitSaving) -> SavingState:
        await workflow.wait_condition(lambda: self._is_answered)
        return self._state()

    @workflow.signal(description="The payment provider's webhook: look at the setup again.")
    async def provider_news(self, news: ProviderNews) -> None:
        if news.event_id not in self._events:
            self._events.add(news.event_id)
            self._unread_news = True

    # Small words.

    def _call_off(self) -> None:
        self._called_off = True

    def _answer(self, setup: ProviderSetup) -> None:
        self._setup = setup
        self._is_answered = True

    def _refuse(self, code: str, detail: str) -> None:
        self._refusal = Refused(code, detail, {})
        self._is_answered = True

    def _refuse_another(self, wallet: Wallet) -> None:
        self._refuse("payment_methods_full", f"{wallet.kept} payment methods are kept: remove one first.")

    def _state(self) -> SavingState:
        return SavingState(self._wish.digest, self._setup, self._card, self._refusal)

    def _time_left(self) -> timedelta:
        return self._began + patience.SAVING_WINDOW - workflow.now()

    def _tell(self, step: str, waiting_for: str | None = None) -> None:
        wait = "**Waits for:** nothing, it is done"
        if waiting_for:
            until = self._began + patience.SAVING_WINDOW
            wait = f"**Waits for:** {waiting_for}  \n**Until:** {until:%Y-%m-%d %H:%M} UTC"
        workflow.set_current_details(f"### {step}\n\n{wait}\n")

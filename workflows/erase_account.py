"""Being forgotten: an account is closed at once, and forgotten when its orders are over and nobody waits for it."""

from contextlib import suppress
from datetime import timedelta

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.erasure import BlankEvents, CloseAccount, ErasureActivities, ForgetAccount, LookForBusiness
from activities.histories import DeleteHistories, HistoryActivities
from activities.payments.setups import ForgetCustomer, SetupActivities
from models.erasure import Business
from models.ids import UserId
from workflows import patience, telling
from workflows.calling import Calling
from workflows.enduring import to_its_end


class AccountToErase(msgspec.Struct, frozen=True):
    """Somebody wants to be forgotten. Their id alone: what this workflow remembers must not name them."""

    user: UserId


class AwaitClosing(msgspec.Struct, frozen=True):
    """Ask whether the account is closed."""


class Closing(msgspec.Struct, frozen=True):
    """Whether the account is closed."""

    closed: bool
    """False: it is the last admin's, and stays."""


@workflow.defn
class EraseAccount:
    """Close the account and say farewell; when its orders are over, let provider, tables and histories forget it.

    Id: `erasure/<account>`. Waits: for orders to end and letters to leave, without a deadline, looking after 5 s, 10 s
    … 6 hours; for the provider 10 minutes, then a person is told and it is asked again each hour; at last 4 days for
    events that come late. Temporal's own cancel has no effect: nobody is half forgotten.
    """

    @workflow.init
    def __init__(self, request: AccountToErase) -> None:
        self._user = request.user
        self._closed: bool | None = None
        self._look_now = False
        self._pause = patience.FIRST_LOOK_AT_BUSINESS
        self._calling = Calling("erasure")

    @workflow.run
    async def run(self, request: AccountToErase) -> None:
        await to_its_end(self._story(), called_off=lambda: None)

    async def _story(self) -> None:
        self._tell("Closing the account")
        self._closed = await workflow.execute_local_activity_method(
            ErasureActivities.close_account, CloseAccount(self._user), summary="Close the account", **patience.DATABASE
        )
        if self._closed:
            customer = await self._forget()
            await self._wait_for_late_events(customer)
            self._tell("Forgotten")
        else:
            self._tell("Refused: the last admin stays")
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _forget(self) -> str | None:
        """Again and again until nothing is left. Returns who the provider knew the account as."""
        customer = None
        while True:
            business = await self._until_over()
            customer = customer or business.customer
            await self._forget_at_provider(customer)
            self._tell("Forgetting: what was the person's is deleted, what the books need stays without them")
            await workflow.execute_local_activity_method(
                ErasureActivities.forget_account, ForgetAccount(self._user, customer),
                summary="Forget, but for the books", **patience.DATABASE,
            )  # fmt: skip
            left = await workflow.execute_local_activity_method(
                HistoryActivities.delete_histories, DeleteHistories(self._user),
                summary="Delete histories of orders and cards", **patience.HISTORIES,
            )  # fmt: skip
            if not left.deleted and not left.running:
                return customer
            self._tell("Forgotten in our tables", f"{left.deleted + left.running} histories to be gone")
            await self._wait("Look whether all histories are gone")

    async def _forget_at_provider(self, customer: str | None) -> None:
        """Also when no customer is known: one may have been made and never written down."""
        while True:
            self._tell("Letting the payment provider forget the account", "the payment provider")
            try:
                await workflow.execute_activity_method(
                    SetupActivities.forget_customer, ForgetCustomer(self._user, customer),
                    summary="Let the provider forget the account", **patience.provider(),
                )  # fmt: skip
            except FailureError as failed:
                await self._calling.call("let the provider forget an account", telling.cause(failed))
                trouble = f"Needs attention: the provider does not forget the account: {telling.cause(failed)}"
                self._tell(trouble, "the next try, or a signal to look now", patience.PAUSE_BEFORE_NEXT_TRY)
                await self._pause_for_provider()
            else:
                await self._calling.settle()
                return

    async def _pause_for_provider(self) -> None:
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._look_now, timeout=patience.PAUSE_BEFORE_NEXT_TRY,
                timeout_summary="Pause before the provider is asked again",
            )  # fmt: skip
        self._look_now = False

    async def _until_over(self) -> Business:
        while True:
            business = await workflow.execute_local_activity_method(
                ErasureActivities.look_for_business, LookForBusiness(self._user),
                summary="Look whether anything is open", **patience.DATABASE,
            )  # fmt: skip
            if business.is_over:
                return business
            self._tell("Closed", _open(business))
            await self._wait("Look whether orders and letters are over")

    async def _wait(self, summary: str) -> None:
        """A while, each time twice as long; or until somebody says now."""
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._look_now, timeout=self._pause, timeout_summary=summary)
        self._look_now = False
        self._pause = min(self._pause * 2, patience.LOOK_AT_BUSINESS)

    async def _wait_for_late_events(self, customer: str | None) -> None:
        """The provider sends an event again for three days, and one that comes now names them again."""
        self._tell("Forgotten", "events of the payment provider that come late", patience.LATE_EVENTS)
        self._look_now = False
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._look_now, timeout=patience.LATE_EVENTS, timeout_summary="Until no event can come any more"
            )
        await workflow.execute_local_activity_method(
            ErasureActivities.blank_events, BlankEvents(self._user, customer),
            summary="Blank events that came late", **patience.DATABASE,
        )  # fmt: skip

    def _tell(self, step: str, waiting_for: str | None = None, within: timedelta | None = None) -> None:
        until = f"{workflow.now() + within:%Y-%m-%d %H:%M} UTC" if within else "no deadline"
        wait = f"**Waits for:** {waiting_for}  \n**Until:** {until}" if waiting_for else "**Waits for:** nothing"
        workflow.set_current_details(f"### {step}\n\n**Account:** {self._user}  \n{wait}\n")

    # Messages.

    @workflow.update(description="Answers as soon as the account is closed.")
    async def await_closing(self, request: AwaitClosing) -> Closing:
        await workflow.wait_condition(lambda: self._closed is not None)
        return Closing(bool(self._closed))

    @workflow.signal(description="Staff: look now whether anything is still open, or do not wait for late events.")
    async def look_now(self) -> None:
        self._look_now = True


def _open(business: Business) -> str:
    orders = f"orders {', '.join(business.orders)} to end" if business.orders else ""
    letters = f"{business.letters} letters to be sent" if business.letters else ""
    return " and ".join(part for part in (orders, letters) if part)

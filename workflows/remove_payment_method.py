"""One card that its owner does not want kept any more: gone from their list at once, and then at the provider.

Id: `payment-method-removal/<account>/<card>`.
"""

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.payment_methods import DropMethod, PaymentMethodActivities
from activities.payments.setups import DetachMethod, SetupActivities
from models.ids import UserId
from workflows import patience, telling
from workflows.calling import Calling
from workflows.enduring import to_its_end


class MethodToRemove(msgspec.Struct, frozen=True):
    """A card to give up."""

    user: UserId
    reference: str


class AwaitRemoval(msgspec.Struct, frozen=True):
    """Ask whether the card is gone from its owner's list."""


class RemovalState(msgspec.Struct, frozen=True):
    """How far the removal has come."""

    removed: bool
    """False: the account has no such card."""
    detached: bool = False
    """The provider has let it go too."""


@workflow.defn
class RemovePaymentMethod:
    """Take a card off its owner's list, answer, then let the provider let it go.

    Waits: for the provider, up to 30 days; then a person is told, who can detach the card in its dashboard.
    Temporal's own cancel has no effect: what is removed here must not stay there.
    """

    @workflow.init
    def __init__(self, wish: MethodToRemove) -> None:
        self._wish = wish
        self._removed: bool | None = None
        self._detached = False
        self._calling = Calling("card")

    @workflow.run
    async def run(self, wish: MethodToRemove) -> RemovalState:
        await to_its_end(self._story(), called_off=lambda: None)
        return self._state()

    async def _story(self) -> None:
        self._removed = await workflow.execute_local_activity_method(
            PaymentMethodActivities.drop_method, DropMethod(self._wish.user, self._wish.reference),
            summary="Take the card off its owner's list", **patience.DATABASE,
        )  # fmt: skip
        if self._removed:
            await self._detach()
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _detach(self) -> None:
        workflow.set_current_details("### Letting the card go\n\n**Waits for:** the payment provider\n")
        try:
            await workflow.execute_activity_method(
                SetupActivities.detach_method, DetachMethod(self._wish.reference),
                summary="Let the card go", **patience.provider(patience.CLEANING_UP),
            )  # fmt: skip
        except FailureError as failed:
            await self._calling.call("let a card go", telling.cause(failed))
            workflow.set_current_details(
                f"### Needs attention: the provider still keeps the card\n\n{telling.cause(failed)}\n\n"
                "Detach it in the provider's dashboard.\n"
            )
        else:
            self._detached = True
            workflow.set_current_details("### Removed, here and at the provider\n")

    @workflow.update(description="Answers as soon as the card is gone from its owner's list.")
    async def await_removal(self, request: AwaitRemoval) -> RemovalState:
        await workflow.wait_condition(lambda: self._removed is not None)
        return self._state()

    def _state(self) -> RemovalState:
        return RemovalState(bool(self._removed), self._detached)

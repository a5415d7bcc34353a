"""Further money of an order, beyond what its checkout reserved: reserved with the card that paid, taken, or let go."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.charges import ChargeActivities, DropCharge, RecordCharge, SettleCharge
from activities.checkout import OrderPlaced
from activities.payments.money import PaymentActivities
from activities.payments.providers import AuthorizeFurther, CapturePayment, VoidPayment
from models.charge import Charge, Purpose, charge_id
from models.checkout import Purchase
from models.explanation import CAPTURE, VOID
from models.ids import PaymentId
from models.money import Money
from models.payment import ProviderPayment, Standing
from workflows import patience, telling
from workflows.collecting import REJECTED
from workflows.enduring import surely
from workflows.steadfast import Attention


class Charging:
    """The charges of one order. Whoever moves the order may use it; one at a time."""

    def __init__(self, purchase: Purchase, attention: Attention) -> None:
        self._purchase = purchase
        self._provider = purchase.payment.provider
        self._attention = attention
        self._n = 1

    @property
    def count(self) -> int:
        """How many payments at the provider the order has asked for."""
        return self._n

    async def reserve(
        self, placed: OrderPlaced, purpose: Purpose, amount: Money, first: str, method: str | None = None,
        customer: str | None = None, lasts: timedelta | None = None,
    ) -> Charge | ProviderPayment:  # fmt: skip
        """So much more, with the card of the payment `first` or another one that its buyer names.

        A payment instead of a charge: it could not be had, and nothing is reserved. `lasts`: how long it is relied on.
        """
        self._n += 1
        n, now = self._n, workflow.now()
        id = charge_id(placed.payment_id, n)
        request = AuthorizeFurther(
            id, self._purchase.number, workflow.info().workflow_id, purpose, amount, first, now,
            method=method, customer=customer, provider=self._provider,
        )  # fmt: skip
        try:
            seen = await workflow.execute_activity_method(
                PaymentActivities.authorize_further,
                request,
                summary=f"Reserve {amount} more ({purpose})",
                **patience.provider(patience.FURTHER),
            )
        except FailureError as failed:
            seen = ProviderPayment(Standing.UNKNOWN, code=telling.code(failed), detail=telling.cause(failed))
        if seen.standing is not Standing.AUTHORIZED or seen.reference is None:
            # Declined, it may be tried again at the provider by its buyer; unknown, it may be there all the same.
            in_the_dark = seen.standing is Standing.UNKNOWN and seen.code != REJECTED
            if seen.reference is not None or in_the_dark:
                await self._void(placed, PaymentId(id), seen.reference)
            return seen
        charge = Charge(
            id, placed.payment_id, n, purpose, seen.reference, amount, now, now + lasts if lasts else None
        )  # fmt: skip
        await surely(
            workflow.execute_local_activity_method(
                ChargeActivities.record_charge,
                RecordCharge(placed.order_id, charge),
                summary=f"Write down that {amount} more is reserved",
                **patience.DATABASE,
            )
        )
        return charge

    async def capture(self, placed: OrderPlaced, charge: Charge, amount: Money) -> None:
        """Take so much of it, however long that needs; what is not taken is the buyer's again."""
        await self._attention.steadfast(
            placed.order_id,
            CAPTURE,
            lambda: workflow.execute_activity_method(
                PaymentActivities.capture_payment,
                CapturePayment(PaymentId(charge.id), charge.reference, amount, self._provider),
                summary=f"Capture {amount}",
                **patience.provider(),
            ),
        )
        await self.settle(placed, charge, amount)

    async def settle(self, placed: OrderPlaced, charge: Charge, amount: Money) -> None:
        """So much was taken: book it."""
        await surely(
            workflow.execute_local_activity_method(
                ChargeActivities.settle_charge,
                SettleCharge(placed.order_id, charge, self._provider, amount),
                summary=f"Book {amount}",
                **patience.DATABASE,
            )
        )

    async def release(self, placed: OrderPlaced, charge: Charge) -> None:
        """Let it go, however long that needs."""
        await self._void(placed, PaymentId(charge.id), charge.reference)
        await self.drop(placed, charge)

    async def drop(self, placed: OrderPlaced, charge: Charge) -> None:
        """It is let go: write it down."""
        await surely(
            workflow.execute_local_activity_method(
                ChargeActivities.drop_charge,
                DropCharge(placed.order_id, charge.id, placed.payment_id),
                summary="Write down that it is the buyer's again",
                **patience.DATABASE,
            )
        )

    async def _void(self, placed: OrderPlaced, id: PaymentId, reference: str | None) -> None:
        if reference is None:
            await workflow.sleep(patience.SEARCH_LAG, summary="Let the provider's search catch up")
        await self._attention.steadfast(
            placed.order_id,
            VOID,
            lambda: workflow.execute_activity_method(
                PaymentActivities.void_payment,
                VoidPayment(id, reference, self._provider),
                summary="Void what is not needed",
                **patience.provider(),
            ),
        )

"""What is written when an order's money is authorized, whether it goes on at once or a person has to look first."""

from models.database import Writer
from models.ids import CartId, OrderId, PaymentId
from models.payment import PaymentStatus, ProviderPayment
from models.tables import cart as carts
from models.tables import credit as credits
from models.tables import order as orders
from models.tables import payment as payments
from models.tables import redemption as redemptions


async def secure(
    writer: Writer, order: OrderId, payment: PaymentId, cart: CartId, attempt: int, seen: ProviderPayment,
    *, credit: bool, coupons: bool,
) -> None:  # fmt: skip
    """The money is authorized, and what was bought leaves the cart; again: changes nothing."""
    bought = await carts.take_out_bought(writer, cart, attempt, order)
    if bought and credit:
        await credits.take_out_spent(writer, cart, order)
    if bought and coupons:
        await redemptions.take_off_cart(writer, cart, order)
    await payments.move(
        writer, payment, PaymentStatus.AUTHORIZED,
        reference=seen.reference, client_secret=seen.client_secret, redirect_url=None, error=None,
    )  # fmt: skip
    actor = "provider" if seen.reference else "order"
    await orders.tell(writer, order, "authorized", "payment_authorized", actor)

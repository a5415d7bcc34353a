"""Where an order can stand, and the way there: every one of them, for what staff can do from it."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from models.database import fetching
from models.ids import new_id
from models.order import FulfilmentStatus, OrderStatus
from models.payment import PaymentStatus
from models.tables import cart as carts
from tests.flow import Handle
from tests.steering.office import Clerk, Office, usd
from tests.workflows.screened import suspicious
from tests.workflows.stories import Shelf

_O, _P, _F = OrderStatus, PaymentStatus, FulfilmentStatus
THREE_MUGS = 3000 + 500 + 300
Where = tuple[OrderStatus, PaymentStatus, FulfilmentStatus, bool]
"""Its three axes, and whether a person is asked for."""


class Stand(msgspec.Struct, frozen=True):
    """A way to an order that stands there."""

    name: str
    where: Where
    go: Callable[[Office, Clerk], Awaitable[Shelf]]


async def bought(office: Office, method: str = "pm_card_visa", **changes: Any) -> tuple[Shelf, Handle]:
    """Three mugs, checked out; nobody else has the address."""
    shelf = await office.shelf()
    async with office.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 2, None, "usd")
    said = {"email": f"{new_id().hex}@example.com", "number": shelf.number, **changes}
    handle, _ = await office.flow.buy(shelf.cart, THREE_MUGS, method, **said)
    return shelf, handle


async def done(clerk: Clerk, shelf: Shelf, action: str, **body: Any) -> Shelf:
    """One of the staff does something with it."""
    answer = await clerk.press(shelf.number, action, **body)
    assert answer.status_code in (200, 201, 202), answer.text
    return shelf


async def waits_for_the_bank(office: Office, _: Clerk) -> Shelf:
    """Its buyer has to confirm."""
    return (await bought(office, "pm_card_authenticationRequired"))[0]


async def declined(office: Office, _: Clerk) -> Shelf:
    """Its card is no good."""
    return (await bought(office, "pm_card_chargeDeclined"))[0]


async def held(office: Office, _: Clerk) -> Shelf:
    """It looks like fraud."""
    return (await bought(office, **suspicious()))[0]


async def not_captured(office: Office, _: Clerk) -> Shelf:
    """The provider does not let the money be taken."""
    shelf = await office.shelf()
    about = {"order": str(shelf.number)}
    await office.flow.stripe.fault("error_before", status=400, path="/v1/payment_intents/*/capture", metadata=about)
    handle, answer = await shelf.buy(email=f"{new_id().hex}@example.com")
    assert answer.payment_status is PaymentStatus.AUTHORIZED
    await shelf.attention(handle)
    return shelf


async def confirmed(office: Office, _: Clerk) -> Shelf:
    """To be sent."""
    shelf, handle = await bought(office)
    await office.flow.until(handle, OrderStatus.CONFIRMED)
    return shelf


def gone(amount: int, before: Callable[[Office, Clerk], Awaitable[Shelf]]) -> Callable[[Office, Clerk], Any]:
    """So much of its money has gone back."""

    async def go(office: Office, clerk: Clerk) -> Shelf:
        shelf = await done(clerk, await before(office, clerk), "refund", amount=usd(amount), reason="late")
        await office.until(shelf, lambda row: row["payment_status"] in ("partially_refunded", "refunded"))
        return shelf

    return go


async def sent_in_part(office: Office, clerk: Clerk) -> Shelf:
    """One of its mugs has left."""
    shelf = await confirmed(office, clerk)
    items = [{"sku": shelf.sku, "quantity": 1}]
    return await done(clerk, shelf, "ship", carrier="UPS", tracking="1Z", items=items)


async def sent(office: Office, clerk: Clerk) -> Shelf:
    """All of it has left."""
    return await done(clerk, await confirmed(office, clerk), "ship", carrier="UPS", tracking="1Z")


async def arrived(office: Office, clerk: Clerk) -> Shelf:
    """It is there."""
    return await done(clerk, await sent(office, clerk), "deliver")


async def called_off(office: Office, clerk: Clerk) -> Shelf:
    """It ended before it was paid."""
    return await done(clerk, await declined(office, clerk), "cancel", reason="never mind")


async def called_off_paid(office: Office, clerk: Clerk) -> Shelf:
    """It ended, and its money has gone back."""
    shelf = await done(clerk, await confirmed(office, clerk), "cancel", reason="never mind")
    await office.until(shelf, lambda row: row["payment_status"] == "refunded")
    return shelf


AT_ONCE = (
    Stand("confirmed", (_O.CONFIRMED, _P.PAID, _F.UNFULFILLED, False), confirmed),
    Stand("waits for the bank", (_O.PENDING, _P.PENDING, _F.UNFULFILLED, False), waits_for_the_bank),
    Stand("declined", (_O.PENDING, _P.FAILED, _F.UNFULFILLED, False), declined),
    Stand("held", (_O.ON_HOLD, _P.AUTHORIZED, _F.UNFULFILLED, True), held),
    Stand("not captured", (_O.PENDING, _P.AUTHORIZED, _F.UNFULFILLED, True), not_captured),
    Stand("confirmed, some back", (_O.CONFIRMED, _P.PARTIALLY_REFUNDED, _F.UNFULFILLED, False), gone(300, confirmed)),
    Stand("confirmed, all back", (_O.CONFIRMED, _P.REFUNDED, _F.UNFULFILLED, False), gone(THREE_MUGS, confirmed)),
    Stand("sent in part", (_O.PROCESSING, _P.PAID, _F.PARTIAL, False), sent_in_part),
    Stand("sent in part, all back", (_O.PROCESSING, _P.REFUNDED, _F.PARTIAL, False), gone(THREE_MUGS, sent_in_part)),
    Stand("sent", (_O.SHIPPED, _P.PAID, _F.FULFILLED, False), sent),
    Stand("sent, all back", (_O.SHIPPED, _P.REFUNDED, _F.FULFILLED, False), gone(THREE_MUGS, sent)),
    Stand("arrived", (_O.DELIVERED, _P.PAID, _F.FULFILLED, False), arrived),
    Stand("called off", (_O.CANCELLED, _P.VOIDED, _F.UNFULFILLED, False), called_off),
    Stand("called off, paid", (_O.CANCELLED, _P.REFUNDED, _F.UNFULFILLED, False), called_off_paid),
)
"""In a shop that takes money at once."""

AT_SHIPMENT = (
    Stand("reserved", (_O.CONFIRMED, _P.AUTHORIZED, _F.UNFULFILLED, False), confirmed),
    Stand("taken in part", (_O.PROCESSING, _P.AUTHORIZED, _F.PARTIAL, False), sent_in_part),
)
"""In a shop that takes it when goods leave, those that the other does not have."""

"""What an order is asked, and what it answers: the messages of `workflows/order.py`."""

from datetime import datetime

import msgspec

from activities.checkout import Refused
from models.audit import Author
from models.edit import EditWish
from models.ids import OrderNumber
from models.money import Money
from models.order import OrderStatus
from models.payment import PaymentStatus, ProviderPayment
from models.shipment import ShipItem


class AwaitCheckout(msgspec.Struct, frozen=True):
    """Ask for the outcome of the checkout; `digest` names the request that the asker means."""

    digest: str


class PayOrder(msgspec.Struct, frozen=True):
    """Pay with another method, or on a new page. `digest` of the request travels back with the answer."""

    digest: str
    method: str | None
    save: bool = False
    customer: str | None = None
    """The provider's id of who pays, when they are signed in and have one."""
    return_url: str | None = None
    """Where the provider's page sends the buyer afterwards; None: to the shop."""
    hosted: bool = False
    """On a page of the provider's."""


class CancelCheckout(msgspec.Struct, frozen=True):
    """End an order of which nothing is sent, or, of staff, send no more of one that has left in part."""

    digest: str
    reason: str
    actor: str
    author: Author | None = None
    """Who of the staff asks."""


class ExtendWait(msgspec.Struct, frozen=True):
    """Let an unpaid order wait longer for its payment: so many minutes more, or until then."""

    digest: str
    actor: str
    reason: str
    minutes: int | None = None
    until: datetime | None = None
    author: Author | None = None
    """Who of the staff asks."""


class ApproveOrder(msgspec.Struct, frozen=True):
    """An order that is held is a good one."""

    digest: str
    actor: str
    reason: str
    author: Author | None = None
    """Who of the staff says so."""


class RejectOrder(msgspec.Struct, frozen=True):
    """An order that is held is not accepted; the reason is staff's own."""

    digest: str
    actor: str
    reason: str
    author: Author | None = None
    """Who of the staff says so."""


class CaptureOrder(msgspec.Struct, frozen=True):
    """Take money that is reserved."""

    actor: str
    amount: Money | None = None
    """None: all that is left."""
    digest: str = ""
    author: Author | None = None
    """Who of the staff says so."""
    reason: str | None = None


class ShipOrder(msgspec.Struct, frozen=True):
    """A parcel was handed over."""

    actor: str
    carrier: str
    tracking: str
    items: tuple[ShipItem, ...] = ()
    """None: all that is left."""
    location: str | None = None
    """Code of where it came from; None: from where all of it lies."""
    digest: str = ""
    author: Author | None = None
    """Who of the staff says so."""
    reason: str | None = None


class DeliverOrder(msgspec.Struct, frozen=True):
    """A parcel arrived."""

    actor: str
    shipment: int | None = None
    """Which; None: all that are under way."""
    digest: str = ""
    author: Author | None = None
    """Who of the staff says so."""
    reason: str | None = None


class SwitchLocation(msgspec.Struct, frozen=True):
    """What the order holds at one location is to leave from another."""

    digest: str
    actor: str
    reason: str
    source: str
    """Code of the location."""
    target: str
    sku: str | None = None
    """None: all that it holds there."""
    author: Author | None = None
    """Who of the staff says so."""


class AcceptShortage(msgspec.Struct, frozen=True):
    """Units that are not there: the order goes without them."""

    digest: str
    actor: str
    reason: str
    items: tuple[ShipItem, ...]
    gone: bool = True
    """Nobody has them: they are taken off the stock, too."""
    author: Author | None = None
    """Who of the staff says so."""


class ProposeEdit(msgspec.Struct, frozen=True):
    """Say what a change of the order would cost, and hold what it adds."""

    digest: str
    wish: EditWish


class CommitEdit(msgspec.Struct, frozen=True):
    """Make the order what its `n`-th edit says."""

    digest: str
    n: int
    actor: str
    method: str | None = None
    """The provider's id of what pays the difference; None: what paid the order."""
    customer: str | None = None
    """The provider's id of who pays, when they are signed in and have one."""
    author: Author | None = None
    """Who of the staff says so."""


class DropEdit(msgspec.Struct, frozen=True):
    """Nobody wants the order's `n`-th edit any more."""

    digest: str
    n: int
    actor: str
    author: Author | None = None
    """Who of the staff says so."""


class OrderState(msgspec.Struct, frozen=True):
    """Where an order stands: what every command answers and the `state` query tells."""

    number: OrderNumber
    digest: str
    """Of the request that this answers: another one under the same key was not meant."""
    status: OrderStatus
    payment_status: PaymentStatus
    total: Money | None = None
    payment: ProviderPayment | None = None
    refusal: Refused | None = None
    """Set when the checkout was refused: then there is no order."""
    attention: str | None = None
    credit: Money | None = None
    """Of the total, what gift cards and store credit pay."""

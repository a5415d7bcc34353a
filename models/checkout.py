"""What a buyer asks for at checkout: the value that travels from the door through the workflow to the row."""

import msgspec

from models.address import Address
from models.exchange import ExchangeFor
from models.ids import CartId, OrderNumber, UserId
from models.money import Money
from models.payment import STRIPE


class PaymentChoice(msgspec.Struct, frozen=True):
    """How the buyer wants to pay. Without a method the buyer's browser finishes the payment with a client secret."""

    provider: str = STRIPE
    method: str | None = None
    """The provider's id of a payment method (`pm_…`), never a card number."""
    save: bool = False
    """Keep the method for later purchases."""
    customer: str | None = None
    """The provider's id of the signed-in buyer, with whom their kept methods are good; None: they keep none."""
    return_url: str | None = None
    """Where the provider's page sends the buyer afterwards; None: to the shop."""
    hosted: bool = False
    """Pay on a page of the provider's, where it has one and is also paid without."""


class Purchase(msgspec.Struct, frozen=True):
    """One checkout of one cart."""

    number: OrderNumber
    cart_id: CartId
    attempt: int
    email: str
    shipping_address: Address
    billing_address: Address
    shipping_method: str
    expected_total: Money
    """What the buyer saw; another total refuses the checkout instead of surprising anybody."""
    payment: PaymentChoice
    digest: str
    """Of the request: of its body and, after a dot, of the saved addresses it names. Equal: the same request."""
    key: str
    """The client's Idempotency-Key, or one made of the digest."""
    customer_id: UserId | None = None
    store_credit: bool = False
    """Spend the account's store credit too, after the cart's gift cards."""
    expected_due: Money | None = None
    """What the buyer saw that a card would be charged; None: all of `expected_total`."""
    exchange: ExchangeFor | None = None
    """It is sent instead of goods that came back: for nothing, and it waits longer for its payment."""
    locale: str = "en"
    """The buyer's language (BCP 47), of letters and papers."""


def same_body(digest: str, other: str) -> bool:
    """Whether two requests say the same, whatever the saved addresses they name said at the time."""
    return digest.partition(".")[0] == other.partition(".")[0]

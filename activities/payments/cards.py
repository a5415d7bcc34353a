"""What of a card at Stripe may leave it: brand, last four digits, expiry."""

import stripe

from models.payment_method import KeptCard


def kept(method: stripe.PaymentMethod | str | None, customer: stripe.Customer | str | None) -> KeptCard | None:
    """The card, when it is one, was shown whole, and belongs to a customer."""
    if customer is None or not isinstance(method, stripe.PaymentMethod) or method.card is None:
        return None
    owner = customer if isinstance(customer, str) else customer.id
    card = method.card
    return KeptCard(method.id, owner, card.brand, card.last4 or "", card.exp_month, card.exp_year)

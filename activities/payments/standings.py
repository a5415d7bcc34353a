"""What Stripe says of a payment, in our words."""

import stripe

from activities.payments import cards
from models.money import Money
from models.payment import ProviderPayment, Standing

EXPANDED = {"expand": ["payment_method"]}
"""Show the card itself, not its id alone."""

_STANDINGS = {
    "requires_capture": Standing.AUTHORIZED,
    "succeeded": Standing.CAPTURED,
    "requires_action": Standing.ACTION_REQUIRED,
    "requires_confirmation": Standing.METHOD_REQUIRED,
    "processing": Standing.PROCESSING,
    "canceled": Standing.CANCELED,
}
_SURE = frozenset({Standing.AUTHORIZED, Standing.CAPTURED})


def seen_of(intent: stripe.PaymentIntent, save: bool = False) -> ProviderPayment:
    """A payment intent in our words; with `save` also the card that is kept, when it was shown whole."""
    error = intent.last_payment_error
    standing = _STANDINGS.get(intent.status, Standing.DECLINED if error else Standing.METHOD_REQUIRED)
    # Only the step that the bank asks for is there: most cards are asked for by the provider's own script instead.
    redirect = getattr(intent.next_action, "redirect_to_url", None)
    return ProviderPayment(
        standing,
        reference=intent.id,
        client_secret=intent.client_secret,
        redirect_url=redirect.url if redirect else None,
        code=(getattr(error, "decline_code", None) or error.code) if error else None,
        detail=error.message if error else None,
        kept=cards.kept(intent.payment_method, intent.customer) if save and standing in _SURE else None,
        taken=Money(intent.amount_received, intent.currency) if standing is Standing.CAPTURED else None,
    )


def decline_of(declined: stripe.CardError, reference: str | None) -> ProviderPayment:
    """The bank says no; the intent, if there is one, can be tried with another card."""
    intent = declined.error.payment_intent if declined.error else None
    return ProviderPayment(
        Standing.DECLINED,
        reference=intent.id if intent else reference,
        client_secret=intent.client_secret if intent else None,
        code=(declined.error.decline_code if declined.error else None) or declined.code,
        detail=declined.user_message,
    )

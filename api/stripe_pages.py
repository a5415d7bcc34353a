"""Where Stripe's dashboard shows what is about a payment. It is Stripe's own: nothing here asks Stripe anything."""

from urllib.parse import quote

from api.context import House

_PLACES = {"pi": "payments", "ch": "payments", "py": "payments", "du": "disputes", "dp": "disputes", "cs": "payments",
           "tr": "connect/transfers", "cus": "customers", "re": "refunds", "acct": "connect/accounts"}  # fmt: skip
"""By the first letters of Stripe's ids."""


def page_of(house: House, provider: str | None, reference: str | None) -> str | None:
    """The page of something that Stripe has; None: it is none of Stripe's, or staff reach no dashboard."""
    base = house.settings.stripe_dashboard_url
    place = _PLACES.get(reference.partition("_")[0]) if reference and provider == "stripe" else None
    return f"{base}/{place}/{quote(reference or '', safe='')}" if base and place else None

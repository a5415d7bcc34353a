"""What a payment provider tells whoever waits: that something happened. What it was is read from the provider."""

import msgspec


class ProviderNews(msgspec.Struct, frozen=True):
    """Something happened to a payment, or to a card that is being saved."""

    event_id: str
    type: str

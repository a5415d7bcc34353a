"""A postal address as clients send it."""

from models.address import Address


class AddressBody(Address, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where parcels and bills go. A misspelt field is refused: a lost `region` would change the tax."""

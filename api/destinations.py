"""Where an order goes, as a quote or checkout says it: an address written out, or the id of a saved one."""

import msgspec

from api.addresses import no_such_address
from api.context import House, Identity
from api.problems import FieldError, Invalid
from models.address import Address
from models.ids import AddressId
from models.tables import address as addresses


class Choice(msgspec.Struct, frozen=True):
    """An address of a request: written out, or saved; None of both: none was chosen."""

    written: Address | None
    saved: AddressId | None


def shipping_of(written: Address | None, saved: AddressId | None) -> Choice:
    """Where it shall go. Raises: Invalid unless it is given in exactly one way."""
    if written is None and saved is None:
        detail = "Give `shipping_address`, or `shipping_address_id` when signed in"
        raise Invalid(FieldError(detail, pointer="/shipping_address"))
    return _one("shipping_address", written, saved)


def billing_of(written: Address | None, saved: AddressId | None) -> Choice:
    """Where the bill shall go, if that is said. Raises: Invalid when it is given in two ways."""
    return _one("billing_address", written, saved)


async def resolved(
    house: House, caller: Identity, shipping: Choice, billing: Choice | None = None
) -> tuple[Address, Address]:
    """Both addresses themselves; the bill goes where the goods go, unless said otherwise. One look-up at most.

    Raises: Refusal `address_not_found` for one that is not in the caller's book.
    """
    wanted = {choice.saved for choice in (shipping, billing) if choice is not None and choice.saved is not None}
    book = await addresses.find(house.database, caller.user, wanted) if wanted and caller.user else {}
    for missing in wanted - book.keys():
        raise no_such_address(missing)

    def address(choice: Choice | None) -> Address | None:
        if choice is None or choice.saved is None:
            return choice.written if choice else None
        return book[choice.saved].address

    to = address(shipping)
    assert to is not None
    return to, address(billing) or to


def _one(field: str, written: Address | None, saved: AddressId | None) -> Choice:
    if written is not None and saved is not None:
        raise Invalid(FieldError(f"Give `{field}` or `{field}_id`, not both", pointer=f"/{field}_id"))
    return Choice(written, saved)

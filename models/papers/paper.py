"""What is printed: everything that a paper says, frozen with its number."""

from datetime import datetime

import msgspec

from models.address import Address
from models.ids import OrderId, OrderNumber, PaperId
from models.invoice import PaperKind, Sums
from models.money import Money


class Shop(msgspec.Struct, frozen=True):
    """Who sells: the name, address and tax number that stand on its papers."""

    name: str
    address: tuple[str, ...] = ()
    """Line by line."""
    tax_id: str | None = None


class Tender(msgspec.Struct, frozen=True):
    """What somebody paid of an order."""

    by: str
    """A provider's name, or `credit`: gift cards and store credit."""
    amount: Money


class Paper(msgspec.Struct, frozen=True):
    """An invoice or a credit note."""

    id: PaperId
    order_id: OrderId
    kind: PaperKind
    n: int
    """Counts the order's papers of its kind, from 1."""
    number: str
    """As people read it: `INV-2026-000001`."""
    order_number: OrderNumber
    issued_at: datetime
    placed_at: datetime
    locale: str
    """Of whom it is for: `de-AT`."""
    shop: Shop
    buyer: Address
    ship_to: Address
    sums: Sums
    of: str | None = None
    """Of a credit note: number of its invoice."""
    paid: tuple[Tender, ...] = ()
    """Of an invoice: how its order was paid."""


class Printed(msgspec.Struct, frozen=True):
    """A paper as a file."""

    sha256: str
    size: int


class Drawn(msgspec.Struct, frozen=True):
    """What became of one paper at the press: exactly one of the two is set."""

    file: bytes | None = None
    error: str | None = None


class PaperOutline(msgspec.Struct, frozen=True):
    """A paper in a list."""

    id: PaperId
    kind: PaperKind
    n: int
    number: str
    issued_at: datetime
    net: Money
    tax: Money
    total: Money
    of: str | None
    refund: int | None
    """Of a credit note: number of the refund that it credits; 0: what was never taken; None: it cancels its invoice."""
    sha256: str | None
    """Of its file; None: it is not printed yet."""


class SlipItem(msgspec.Struct, frozen=True):
    """Units of one thing in a parcel."""

    sku: str
    name: str
    quantity: int
    ordered: int


class Slip(msgspec.Struct, frozen=True):
    """What lies in a parcel, for whoever packs and unpacks it. It says no prices."""

    order_number: OrderNumber
    placed_at: datetime
    n: int
    """Which parcel of the order."""
    shipped_at: datetime
    carrier: str
    tracking: str
    location: str
    """Code of where it comes from."""
    to: Address
    locale: str
    shop: Shop
    items: tuple[SlipItem, ...]


def named(number: str, sha256: str) -> str:
    """The name under which a paper's file is kept; it begins with a dot, so that `/media` never serves it."""
    return f".papers/{number}-{sha256[:16]}.pdf"

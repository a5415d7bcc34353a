"""Stock as staff see it: locations, what lies in each, what moved it, and what is running out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from models.address import PostalCode, Region, Text
from models.inventory import Movement

Priority = Annotated[int, msgspec.Meta(ge=0, le=1000, description="Lower first, where nothing else decides")]
Reorder = Annotated[int, msgspec.Meta(ge=0, le=10**6)]


class LocationRecord(msgspec.Struct, frozen=True):
    """Where goods lie."""

    code: str
    """Never changes: people and files call it so."""
    name: Text
    country: str | None
    """ISO 3166-1 alpha-2; null: nearest to nobody."""
    region: Region | None
    """As addresses say it."""
    postal_code: PostalCode | None
    priority: int
    """Lower first, where nothing else decides."""
    created_at: datetime
    archived_at: datetime | None
    """Set: gives and takes nothing, and nothing lies there."""


class LevelRecord(msgspec.Struct, frozen=True):
    """One variant at one location."""

    location: str
    """Its code."""
    on_hand: int
    held: int
    """Of these, promised to orders."""
    available: int
    reorder_point: int | None
    """Fewer available: it is time to order more; null: nobody watches."""
    reorder_quantity: int | None
    """How many are ordered at a time; null: up to the point."""
    suggested: int
    """How many to order now."""


class StockCard(msgspec.Struct, frozen=True):
    """A variant in the list of stock: at one location where one was asked for, else at all together."""

    sku: str
    product: str
    """Slug."""
    name: str
    """Of the product."""
    on_hand: int
    held: int
    available: int
    low: bool
    """Somewhere fewer are available than its reorder point says."""


class MovementRecord(msgspec.Struct, frozen=True):
    """A row of the ledger."""

    id: UUID
    at: datetime
    sku: str
    location: str
    kind: Movement
    on_hand: int
    """By how many it changed."""
    held: int
    """By how many it changed."""
    order: str | None
    """Number of the order it was for."""
    operation: str
    """What it was part of, done once however often asked."""
    actor: str
    reason: str


class Backorder(msgspec.Struct, frozen=True):
    """How far a variant is sold before it is here."""

    limit: int
    """So many units may be waited for at a time; 0: none, only what is here is sold."""
    days: int
    """Within so many they are sent."""
    waiting: int
    """Units that orders wait for now."""


class StockSheet(msgspec.Struct, frozen=True):
    """All about the stock of one variant."""

    sku: str
    product: str
    """Slug."""
    name: str
    """Of the product."""
    on_hand: int
    held: int
    available: int
    """Of what is here."""
    backorder: Backorder
    levels: list[LevelRecord]
    movements: list[MovementRecord]
    """The last twenty, newest first."""


class LowStock(msgspec.Struct, frozen=True):
    """A variant of which it is time to order more."""

    sku: str
    product: str
    """Slug."""
    name: str
    levels: list[LevelRecord]
    """Those that are low."""


def suggested(available: int, point: int | None, quantity: int | None) -> int:
    """How many to order, so that the point is reached again: in whole lots where there is a usual quantity."""
    missing = (point or 0) - available
    if missing <= 0:
        return 0
    return missing if quantity is None else -(-missing // quantity) * quantity

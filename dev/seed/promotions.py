"""The sample shop's coupons: one for newcomers, one from a sum on that goes with others, one for a shelf."""

from typing import Any
from uuid import UUID

COUPONS: tuple[dict[str, Any], ...] = (
    {"code": "WELCOME10", "description": "10 % off your first order", "kind": "percentage", "ppm": 100_000,
     "first_order_only": True, "max_per_buyer": 1},
    {"code": "SAVE5", "description": "5 off when you spend 50", "kind": "fixed",
     "amounts": {"usd": 500, "eur": 500, "gbp": 500, "jpy": 700},
     "min_subtotals": {"usd": 5000, "eur": 5000, "gbp": 5000, "jpy": 7000}, "stackable": True},
    {"code": "KITCHEN15", "description": "15 % off everything for the kitchen", "kind": "percentage", "ppm": 150_000,
     "category": "kitchen"},
)  # fmt: skip
"""Columns of their table; `category` is a slug."""


def as_rows(categories: dict[str, UUID]) -> list[dict[str, Any]]:
    """The coupons as columns of their table. `categories`: ids by slug."""
    plain: dict[str, Any] = {
        "ppm": None, "amounts": None, "min_subtotals": {}, "max_per_buyer": None, "first_order_only": False,
        "stackable": False,
    }  # fmt: skip
    rows = []
    for coupon in COUPONS:
        row = {**plain, **coupon}
        shelf = row.pop("category", None)
        if shelf is None or shelf in categories:  # a shop filled with other goods may have no such shelf
            rows.append({**row, "category_ids": [categories[shelf]] if shelf else []})
    return rows

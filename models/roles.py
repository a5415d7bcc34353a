"""Who may do what: roles are given to people, scopes are asked for by operations, and `GRANTS` joins the two.

The one table of permissions. Which scope an operation asks for stands beside it; that it is asked is `api/access.py`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the shop. A person may have several."""

    CUSTOMER = "customer"
    VENDOR = "vendor"
    """Sells through the shop: own goods and orders only."""
    SUPPORT = "support"
    """Helps buyers: sees everything about people and orders, steers orders."""
    CATALOG = "catalog"
    """Keeps the shelf: goods, coupons."""
    FINANCE = "finance"
    """Keeps the money: taxes, shipping prices, credit, refunds."""
    ADMIN = "admin"
    """Everything, and the only one who makes others staff."""


class Scope(StrEnum):
    """What an operation needs."""

    ACCOUNT = "account"
    """One's own account: profile, addresses, wishlist, notifications, payment methods."""
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    CATALOGUE_READ = "catalogue:read"
    CATALOGUE_WRITE = "catalogue:write"
    """Goods, categories, tags, vendors, pictures."""
    REVIEWS_READ = "reviews:read"
    REVIEWS_WRITE = "reviews:write"
    """Say which reviews everybody reads."""
    COUPONS_READ = "coupons:read"
    COUPONS_WRITE = "coupons:write"
    CREDIT_READ = "credit:read"
    CREDIT_WRITE = "credit:write"
    """Issue gift cards, grant and take back store credit."""
    SHIPPING_READ = "shipping:read"
    SHIPPING_WRITE = "shipping:write"
    INVENTORY_READ = "inventory:read"
    INVENTORY_WRITE = "inventory:write"
    """Locations, and what lies there: receive, count, transfer."""
    TAXES_READ = "taxes:read"
    TAXES_WRITE = "taxes:write"
    AUDIT_READ = "audit:read"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    """Steer orders: ship, deliver, cancel, try again."""
    REFUNDS_WRITE = "refunds:write"
    """Give money back."""
    RETURNS_READ = "returns:read"
    RETURNS_WRITE = "returns:write"
    """Approve returns, take goods back and have their money given back."""
    CASES_READ = "cases:read"
    CASES_WRITE = "cases:write"
    """Decide what payment providers and we tell differently."""


_S = Scope
_STAFF = frozenset({
    _S.ACCOUNT, _S.CATALOGUE_READ, _S.REVIEWS_READ, _S.COUPONS_READ, _S.SHIPPING_READ, _S.TAXES_READ, _S.INVENTORY_READ,
})  # fmt: skip
"""What everybody who works for the shop may see."""

GRANTS: Mapping[Role, frozenset[Scope]] = {
    Role.CUSTOMER: frozenset({_S.ACCOUNT}),
    Role.VENDOR: frozenset({_S.ACCOUNT}),
    Role.SUPPORT: _STAFF | {
        _S.REVIEWS_WRITE, _S.USERS_READ, _S.CREDIT_READ, _S.ORDERS_READ, _S.ORDERS_WRITE, _S.REFUNDS_WRITE,
        _S.RETURNS_READ, _S.RETURNS_WRITE, _S.CASES_READ,
    },
    Role.CATALOG: _STAFF | {_S.CATALOGUE_WRITE, _S.REVIEWS_WRITE, _S.COUPONS_WRITE, _S.INVENTORY_WRITE},
    Role.FINANCE: _STAFF | {
        _S.CREDIT_READ, _S.CREDIT_WRITE, _S.SHIPPING_WRITE, _S.TAXES_WRITE, _S.AUDIT_READ, _S.ORDERS_READ,
        _S.REFUNDS_WRITE, _S.RETURNS_READ, _S.CASES_READ, _S.CASES_WRITE,
    },
    Role.ADMIN: frozenset(Scope),
}  # fmt: skip
"""Each role's scopes. An operation open to a role that is not listed here cannot be written by accident."""

STAFF = frozenset({Role.SUPPORT, Role.CATALOG, Role.FINANCE, Role.ADMIN})
"""Roles that only an admin gives."""


def may(roles: Iterable[Role], scope: Scope) -> bool:
    """Whether somebody with these roles may do what needs `scope`."""
    return any(scope in GRANTS[role] for role in roles)

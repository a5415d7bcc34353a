"""Who may do what: roles are given to people, scopes are asked for by operations, and `GRANTS` joins the two.

The one table of permissions. Which scope an operation asks for stands beside it; that it is asked is `api/access.py`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from models.reports.report import ReportKind


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
    APPROVALS_READ = "approvals:read"
    APPROVALS_WRITE = "approvals:write"
    """Say yes or no to what a colleague asks for; it takes the scope of what that is, too."""
    RETURNS_READ = "returns:read"
    RETURNS_WRITE = "returns:write"
    """Approve returns, take goods back and have their money given back."""
    ATTENTION_READ = "attention:read"
    ATTENTION_WRITE = "attention:write"
    """Take what waits for a person, and say that it is resolved."""
    CASES_READ = "cases:read"
    CASES_WRITE = "cases:write"
    """Decide what payment providers and we tell differently."""
    VENDOR = "vendor"
    """One's own goods, their orders, and what is paid out for them."""
    PAYOUTS_READ = "payouts:read"
    PAYOUTS_WRITE = "payouts:write"
    """Say what the shop keeps of what vendors sell, and where they are paid out to."""
    LETTERS_READ = "letters:read"
    """Which letters left and which did not. Whom one is for, and what it says, needs `users:read` too."""
    LETTERS_WRITE = "letters:write"
    """Have letters sent again."""
    LETTERS_WORD = "letters:word"
    """Say letters in words of the shop's own."""
    PAYLOADS_READ = "payloads:read"
    """What sealed messages of workflows say. Whom they name needs `users:read` too, payments `payments:read`."""
    PAYLOADS_WRITE = "payloads:write"
    """Seal messages to workflows, as the Temporal UI sends them."""
    PAYMENTS_READ = "payments:read"
    """Providers' references to payments, in such messages."""
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    """Say who outside is told what happens to orders."""
    ANALYTICS_READ = "analytics:read"
    """What was sold, of today and of any range."""
    REPORTS_READ = "reports:read"
    """Reports of those kinds whose matter one may see: `REPORTS_NEED`."""
    REPORTS_WRITE = "reports:write"
    """Have reports made, say when, and who is told."""


_S = Scope
_STAFF = frozenset({
    _S.ACCOUNT, _S.CATALOGUE_READ, _S.REVIEWS_READ, _S.COUPONS_READ, _S.SHIPPING_READ, _S.TAXES_READ, _S.INVENTORY_READ,
    _S.REPORTS_READ, _S.PAYLOADS_READ,
})  # fmt: skip
"""What everybody who works for the shop may see."""

GRANTS: Mapping[Role, frozenset[Scope]] = {
    Role.CUSTOMER: frozenset({_S.ACCOUNT}),
    Role.VENDOR: frozenset({_S.ACCOUNT, _S.VENDOR}),
    Role.SUPPORT: _STAFF | {
        _S.REVIEWS_WRITE, _S.USERS_READ, _S.CREDIT_READ, _S.ORDERS_READ, _S.ORDERS_WRITE, _S.REFUNDS_WRITE,
        _S.RETURNS_READ, _S.RETURNS_WRITE, _S.CASES_READ, _S.LETTERS_READ, _S.LETTERS_WRITE, _S.WEBHOOKS_READ,
        _S.APPROVALS_READ, _S.APPROVALS_WRITE, _S.ATTENTION_READ, _S.ATTENTION_WRITE,
        _S.PAYLOADS_WRITE,
    },
    Role.CATALOG: _STAFF | {_S.CATALOGUE_WRITE, _S.REVIEWS_WRITE, _S.COUPONS_WRITE, _S.INVENTORY_WRITE},
    Role.FINANCE: _STAFF | {
        _S.CREDIT_READ, _S.CREDIT_WRITE, _S.SHIPPING_WRITE, _S.TAXES_WRITE, _S.AUDIT_READ, _S.ORDERS_READ,
        _S.REFUNDS_WRITE, _S.RETURNS_READ, _S.CASES_READ, _S.CASES_WRITE, _S.PAYOUTS_READ, _S.PAYOUTS_WRITE,
        _S.LETTERS_READ, _S.APPROVALS_READ, _S.APPROVALS_WRITE, _S.ATTENTION_READ, _S.ATTENTION_WRITE,
        _S.ANALYTICS_READ, _S.REPORTS_WRITE, _S.PAYLOADS_WRITE, _S.PAYMENTS_READ,
    },
    Role.ADMIN: frozenset(Scope),
}  # fmt: skip
"""Each role's scopes. An operation open to a role that is not listed here cannot be written by accident."""

REPORTS_NEED: Mapping[ReportKind, Scope] = {
    ReportKind.DAILY_SALES: Scope.ANALYTICS_READ,
    ReportKind.STOCK_AND_REORDER: Scope.INVENTORY_READ,
    ReportKind.PAYMENTS_RECONCILIATION: Scope.CASES_READ,
    ReportKind.ATTENTION_DIGEST: Scope.ATTENTION_READ,
}
"""What one has to be allowed to see, by the kind of report that tells it."""

STAFF = frozenset({Role.SUPPORT, Role.CATALOG, Role.FINANCE, Role.ADMIN})
"""Roles that only an admin gives."""


def may(roles: Iterable[Role], scope: Scope) -> bool:
    """Whether somebody with these roles may do what needs `scope`."""
    return any(scope in GRANTS[role] for role in roles)

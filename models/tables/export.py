"""Everything that an account holds, as JSON out of Postgres, some rows at a time: the shape is `models/export.py`'s."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from models.database import Database
from models.ids import UserId
from models.order import INTERNAL
from models.tables.user import PROFILE

AT_ONCE = 100
"""Rows of one look: nobody's export holds a connection, or the memory for all they ever bought."""


def _money(amount: str, currency: str) -> str:
    return f"jsonb_build_object('amount', {amount}, 'currency', {currency})"


def _object(**columns: str) -> str:
    return "jsonb_build_object(" + ", ".join(f"'{name}', {value}" for name, value in columns.items()) + ")"


def _own(table: str, *columns: str) -> str:
    return _object(**{column: f"{table}.{column}" for column in columns})


def _list(item: str, of: str) -> str:
    """All of them in one array."""
    return f"coalesce((SELECT jsonb_agg({item}) FROM {of}), '[]')"  # noqa: S608


def _one(item: str, of: str) -> str:
    """The only one, or null."""
    return f"(SELECT {item} FROM {of})"  # noqa: S608


_PROFILE = _own("u", *(column.name for column in PROFILE))
_ACCOUNT = f"""
SELECT {_PROFILE}::text AS account, to_jsonb(u.provider_customer)::text AS customer, to_jsonb(now())::text AS now
FROM users u WHERE u.id = $1
"""  # noqa: S608

_IN_CART = _list(
    _object(sku="v.sku", name="p.name", quantity="i.quantity", added_at="i.added_at") + " ORDER BY i.added_at, i.id",
    "cart_items i JOIN variants v ON v.id = i.variant_id JOIN products p ON p.id = v.product_id WHERE i.cart_id = c.id",
)
_CART = _object(
    currency="c.currency", updated_at="c.updated_at", items=_IN_CART,
    coupons=_list("k.code ORDER BY k.code",
                  "cart_coupons x JOIN coupons k ON k.id = x.coupon_id WHERE x.cart_id = c.id"),
    gift_cards=_list("a.last4 ORDER BY x.added_at",
                     "cart_gift_cards x JOIN credit_accounts a ON a.id = x.account_id WHERE x.cart_id = c.id"),
)  # fmt: skip

_LINE = _own("l", "sku", "name", "quantity") + " || " + _object(
    **{name: _money(f"l.{name}", "o.currency") for name in ("unit_price", "line_total", "discount", "tax")}
)  # fmt: skip
_PAYMENT = _own("p", "provider", "reference", "status", "error", "created_at") + " || " + _object(
    amount=_money("p.amount", "p.currency"), refunded=_money("p.refunded", "p.currency")
)  # fmt: skip
_REFUND = _own("r", "n", "status", "created_at", "settled_at") + " || " + _object(
    amount=_money("r.amount", "r.currency"), store_credit="r.store_credit"
)  # fmt: skip
_RETURN = _own("r", "n", "status", "reason", "requested_at", "settled_at") + " || " + _object(
    items=_list(_object(sku="l.sku", quantity="x.quantity") + " ORDER BY l.position",
                "return_lines x JOIN order_lines l ON l.id = x.order_line_id WHERE x.return_id = r.id"),
)  # fmt: skip
_EDIT = _own("e", "n", "status", "reason", "shipping_address", "created_at", "settled_at") + " || " + _object(
    difference=_money("e.difference", "o.currency")
)  # fmt: skip
_TOTALS = _object(
    **{name: _money(f"o.{name}", "o.currency") for name in ("subtotal", "discount", "shipping", "tax", "total")},
    tax_included="o.tax_included",
)
_COUPON = _object(code="x -> 'code'", discount=_money("x -> 'discount'", "o.currency"))
_INTERNAL = ", ".join(f"'{kind}'" for kind in sorted(INTERNAL))
_ORDER = _own(
    "o", "number", "status", "fulfilment_status", "email", "shipping_method", "shipping_address", "billing_address",
    "placed_at", "cancel_reason",
) + " || " + _object(
    totals=_TOTALS, credit=_money("o.credit", "o.currency"),
    coupons=_list(_COUPON, "jsonb_array_elements(o.coupons) x"),
    lines=_list(f"{_LINE} ORDER BY l.position", "order_lines l WHERE l.order_id = o.id"),
    refunds=_list(f"{_REFUND} ORDER BY r.n", "refunds r WHERE r.order_id = o.id"),
    returns=_list(f"{_RETURN} ORDER BY r.n", "returns r WHERE r.order_id = o.id"),
    edits=_list(f"{_EDIT} ORDER BY e.n", "order_edits e WHERE e.order_id = o.id"),
    payment=_one(_PAYMENT, "payments p WHERE p.order_id = o.id"),
    events=_list(_object(type="e.type", actor="split_part(e.actor, '/', 1)", at="e.at", facts="e.facts")
                 + " ORDER BY e.at, e.id",
                 f"order_events e WHERE e.order_id = o.id AND e.type NOT IN ({_INTERNAL})"),
)  # fmt: skip

_ADDRESS = _own("t", "full_name", "line1", "line2", "city", "region", "postal_code", "country", "phone")
_REVIEW = ("stars", "title", "body", "status", "rejection_reason", "verified_purchase", "created_at", "edited_at")
SECTIONS = {
    "addresses": (_object(kind="t.kind", address=f"jsonb_strip_nulls({_ADDRESS})", is_default="t.is_default",
                          created_at="t.created_at"), "t.id", "addresses t WHERE t.user_id = $1"),
    "wishlist": (_object(slug="p.slug", name="p.name", added_at="t.added_at"), "t.product_id",
                 "wishlist_items t JOIN products p ON p.id = t.product_id WHERE t.user_id = $1"),
    "reviews": (_object(slug="p.slug", **{name: f"t.{name}" for name in _REVIEW}), "t.id",
                "reviews t JOIN products p ON p.id = t.product_id WHERE t.user_id = $1"),
    "review_votes": (_object(slug="p.slug", created_at="t.created_at"), "t.review_id",
                     "review_votes t JOIN reviews r ON r.id = t.review_id JOIN products p ON p.id = r.product_id "
                     "WHERE t.user_id = $1"),
    "views": (_object(slug="p.slug", viewed_at="t.viewed_at"), "md5(t.visitor::text || t.product_id || t.day)::uuid",
              "product_views t JOIN products p ON p.id = t.product_id WHERE t.visitor = ANY ($1::uuid[])"),
    "payment_methods": (_own("t", "brand", "last4", "exp_month", "exp_year", "is_default", "created_at", "removed_at"),
                        "md5(t.reference)::uuid", "payment_methods t WHERE t.user_id = $1"),
    "sessions": (_own("t", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_for", "user_agent"),
                 "t.id", "sessions t WHERE t.user_id = $1"),
    "store_credit": (_object(amount=_money("t.amount", "a.currency"), operation="t.operation", reason="t.reason",
                             at="t.at"), "t.id",
                     "credit_entries t JOIN credit_accounts a ON a.id = t.account_id WHERE a.user_id = $1"),
    "notifications": (_own("t", "kind", "order_number", "facts", "created_at", "read_at"), "t.id",
                      "notifications t WHERE t.user_id = $1"),
    "letters": (_object(template="t.payload -> 'template'", created_at="t.created_at", settled_at="t.settled_at",
                        error="t.error"), "t.id", "outbox t WHERE t.user_id = $1"),
    "orders": (f"({_ORDER})", "o.id", "orders o WHERE o.customer_id = $1"),
}  # fmt: skip
"""By name: an item, the id that its place in the list is told by, and whose they are."""


async def export(database: Database, user: UserId, visitors: Sequence[UUID]) -> AsyncIterator[str]:
    """All of it, as one JSON object in pieces. `visitors`: as whom their looks at products are kept."""
    [head] = await database.fetch(_ACCOUNT, user)
    cart = await database.fetch(f"SELECT {_CART}::text AS item FROM carts c WHERE c.user_id = $1", user)  # noqa: S608
    yield f'{{"exported_at":{head["now"]},"account":{head["account"]},"provider_customer":{head["customer"] or "null"}'
    yield f',"cart":{cart[0]["item"] if cart else "null"}'
    for name, (item, place, of) in SECTIONS.items():
        yield f',"{name}":['
        first = True
        whose = list(visitors) if name == "views" else user
        async for piece in _items(database, item, place, of, whose):
            yield piece if first else f",{piece}"
            first = False
        yield "]"
    yield "}"


async def _items(database: Database, item: str, place: str, of: str, whose: object) -> AsyncIterator[str]:
    """Some items at a time, joined by commas."""
    query = f"SELECT {item}::text AS item, {place} AS place FROM {of} AND {place} > $2 ORDER BY {place} LIMIT $3"  # noqa: S608
    last = UUID(int=0)
    while True:
        rows = await database.fetch(query, whose, last, AT_ONCE)
        if rows:
            yield ",".join(row["item"] for row in rows)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1]["place"]

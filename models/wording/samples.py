"""Facts such as letters have, for whoever looks at a template before it is sent: by template, one set for each way
in which it can be said. The names of all of them are what a shop's own source may use."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.money import Money

Facts = Mapping[str, Any]


def _usd(amount: int) -> Money:
    return Money(amount, "usd")


_MUG = {"name": "Mug, hand-thrown", "sku": "MUG-01", "quantity": 2, "amount": _usd(4800), "promised": None}
_TEA = {"name": "Sencha & Genmaicha", "sku": "TEA-07", "quantity": 1, "amount": _usd(1290), "promised": None}
ORDER: Facts = {
    "number": "HF-7KQ2M-4XWPD", "lines": [_MUG, _TEA],
    "subtotal": _usd(6090), "discount": None, "coupons": [], "shipping": _usd(590), "tax": _usd(534),
    "tax_included": False, "total": _usd(7214), "credit": None, "due": _usd(7214), "pay_until": "2026-12-24T10:00:00Z",
    "cancel_reason": None, "payment_error": None,
    "address": {"full_name": "Ada Lovelace", "line1": "1 Main St", "line2": "Attic", "city": "New York",
                "postal_code": "10001", "region": "NY", "country": "US"},
    "shipping_method": {"code": "standard", "name": "Standard", "estimate": "2-4 days"},
}  # fmt: skip
"""What every letter about an order knows of it."""
LATER: Facts = {
    **ORDER, "lines": [{**_MUG, "promised": "2027-01-15T00:00:00Z"}, _TEA], "discount": _usd(609),
    "coupons": ["TENOFF"], "tax_included": True, "total": _usd(6071), "credit": _usd(2000), "due": _usd(4071),
}  # fmt: skip
"""An order with everything that an order can have."""
_ITEMS = [{"sku": "MUG-01", "name": "Mug, hand-thrown", "quantity": 2}]


def _of_order(**facts: Any) -> Facts:
    return {**ORDER, **facts}


_BOUGHT = {"to_provider": None, "to_credit": None, "store_credit": False}
_RETURN: Facts = {"n": 1, "until": None, "reason": None, "items": _ITEMS}
_EXCHANGE: Facts = {"n": 1, "other": None, "price": None, "due": None, "back": True}

_NOTHING: Facts = {"count": 0, "first": []}
_WAITING: Facts = {
    "attention": {"count": 12, "first": [{"number": "HF-7KQ2M-4XWPD", "why": "Could not capture the payment: no"}]},
    "held": {"count": 1, "first": [{"number": "HF-22222-33333", "until": "2026-12-25T10:00:00Z"}]},
    "returns": {"count": 1, "first": [{"number": "HF-22222-33333", "n": 1, "status": "requested"}]},
    "reviews": {"count": 1, "first": [{"slug": "mug-hand-thrown"}]},
    "low_stock": {"count": 2, "first": [{"sku": "MUG-01", "location": "main", "available": 7},
                                        {"sku": "TEA-07", "location": "main", "available": 0}]},
    "cases": {"count": 1, "first": [{"kind": "refund_unknown", "object": "re_1"}]},
    "disputes": {"count": 2, "first": [{"number": "HF-7KQ2M-4XWPD", "answer_by": "2026-12-31T00:00:00Z"},
                                       {"number": "HF-22222-33333", "answer_by": None}]},
    "endpoints": {"count": 2, "first": [{"host": "erp.example", "why": "gone"}, {"host": "crm.example", "why": None}]},
    "templates": {"count": 1, "first": [{"template": "shipped", "language": "de", "why": "text, line 2: no fact"}]},
    "letters": {"count": 1, "first": [{"template": "order_confirmed", "error": "550 nobody"}]},
    "payouts": {"count": 2, "first": [{"vendor": "smith", "amount": _usd(4200), "why": "no such account"},
                                      {"vendor": None, "amount": None, "why": "Could not send a payout: 503"}]},
    "others": {"count": 1, "first": [{"why": "Could not let the provider forget an account: 503"}]},
}  # fmt: skip
_ENDPOINT: Facts = {
    "number": None, "endpoint": "0199f0c2-7d0e-7cc3-9d2a-6f8f5a3c1b7e", "host": "erp.example.com",
    "error": "answered 500: not taken", "since": "2026-12-24T17:00:00Z",
}  # fmt: skip
SAMPLES: Mapping[str, Sequence[Facts]] = {
    "cart_reminder": [
        {"number": None, "lines": [{"name": "Mug, hand-thrown", "quantity": 2}, {"name": "お茶 & Tee", "quantity": 1}],
         "cart_updated_at": "2026-12-01T08:00:00Z"},
    ],
    "delivered": [ORDER],
    "exchange": [
        _of_order(**{**_EXCHANGE, "other": "HF-22222-33333", "price": _usd(1650), "due": _usd(550)}, why=None),
        *(_of_order(**_EXCHANGE, why=why) for why in ("out_of_stock", "payment_window_closed", "cancelled_by_buyer")),
        _of_order(**{**_EXCHANGE, "back": False}, why="nothing_to_exchange"),
    ],
    "endpoint_failing": [_ENDPOINT],
    "endpoint_paused": [{**_ENDPOINT, "gone": False}, {**_ENDPOINT, "gone": True}],
    "exchange_card": [_of_order(amount=_usd(1100), gift_card_code="GC-7KQ2-M4XW-PD9R-T3VY")],
    "farewell": [{"number": None}],
    "low_stock": [
        {"number": None, "sku": "MUG-01", "name": "Mug, hand-thrown", "location": "main", "available": 7,
         "reorder_point": 8, "suggested": 12},
    ],
    "on_hold": [ORDER, _of_order(paid=True)],
    "order_cancelled": [
        _of_order(cancel_reason="payment_window_closed"),
        {**LATER, "cancel_reason": "not_accepted", "held": True},
        _of_order(cancel_reason="cancelled_by_buyer",
                  shipping_method={"code": "exchange", "name": "Exchange", "estimate": "3-5 days"}),
    ],
    "order_cancelled_paid": [
        _of_order(cancel_reason="out of season", refund=_usd(7214), reserved=False),
        {**LATER, "cancel_reason": "cancelled_by_operator", "refund": None, "reserved": True},
    ],
    "order_confirmed": [ORDER, {**LATER, "reserved": True}],
    "order_edited": [_of_order(back=_usd(1290), charged=None), {**LATER, "back": None, "charged": _usd(2400)}],
    "password_changed": [{"number": None}],
    "password_reset": [{"number": None, "code": "481205"}],
    "payment_failed": [
        _of_order(payment_error="card_declined"), _of_order(payment_error="page_closed"), LATER,
    ],
    "payment_returned": [_of_order(amount=Money(721400, "etb"))],
    "refund": [
        _of_order(**{**_BOUGHT, "to_provider": _usd(4800)}, amount=_usd(4800)),
        _of_order(**{**_BOUGHT, "to_provider": _usd(1000), "to_credit": _usd(600)}, amount=_usd(1600)),
        _of_order(**{**_BOUGHT, "to_credit": _usd(1600), "store_credit": True}, amount=_usd(1600)),
        _of_order(**{**_BOUGHT, "to_credit": _usd(1600)}, amount=_usd(1600), gift_card_code="GC-7KQ2-M4XW-PD9R-T3VY"),
    ],
    "rest_cancelled": [
        _of_order(reason="the maker has stopped", items=[{"sku": "MUG-01", "quantity": 2}], refund=_usd(2400),
                  reserved=False),
        {**LATER, "reason": "cancelled_by_operator", "items": _ITEMS, "refund": None, "reserved": True},
    ],
    "rest_declined": [_of_order(amount=_usd(1100))],
    "return": [
        _of_order(**{**_RETURN, "until": "2026-12-24T10:00:00Z"}, outcome="approved"),
        _of_order(**{**_RETURN, "reason": "worn"}, outcome="rejected"),
        _of_order(**_RETURN, outcome="expired"),
        _of_order(**_RETURN, outcome="settled"),
    ],
    "shortage": [
        _of_order(reason="the maker has stopped", items=[{"sku": "MUG-01", "quantity": 2}], refund=_usd(2400)),
        {**LATER, "reason": "cancelled_by_operator", "items": _ITEMS, "refund": None},
    ],
    "shipped": [
        _of_order(carrier="UPS", tracking="1Z999AA10123456784", shipment=1, items=items, all=all_sent)
        for all_sent, items in ((True, _ITEMS), (False, [{"sku": "MUG-01", "quantity": 2}]))
    ],
    "report_ready": [
        {"number": None, "report": "01a203b2-0000-7000-8000-000000000000", "kind": "daily_sales", "day": "2026-12-24",
         "figures": [{"name": "orders", "count": 12, "amount": None, "of": "usd"},
                     {"name": "net", "count": None, "amount": _usd(7214), "of": "usd"}]},
        {"number": None, "report": "01a203b2-0000-7000-8000-000000000000", "kind": "stock_and_reorder",
         "day": "2026-12-24",
         "figures": [{"name": "to_reorder", "count": 0, "amount": None, "of": None},
                     {"name": "sold_out", "count": 3, "amount": None, "of": None}]},
        {"number": None, "report": "01a203b2-0000-7000-8000-000000000000", "kind": "daily_sales", "day": "2026-12-24",
         "figures": []},
    ],
    "staff_digest": [
        {"number": None, "day": "2026-12-24", "waiting": _WAITING},
        {"number": None, "day": "2026-12-24",
         "waiting": {name: each if name == "held" else _NOTHING for name, each in _WAITING.items()}},
    ],
    "welcome": [{"number": None}],
}  # fmt: skip
"""The first is what a template looks like most of the time."""


def facts_of(template: str) -> list[str]:
    """What a source of this letter may use. Raises: KeyError."""
    return sorted({name for facts in SAMPLES[template] for name in facts})

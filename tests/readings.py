"""Every answer that staff and vendors read, and whether it tells something of a person: decided by hand.

A new route that they read has to be in one of the two tables, else tests/house fails. Of a person is whatever names
buyers or who has an account, says where they live or how they are reached, is their own words, or what is theirs alone
(their credit). An id or an order's number alone is not, nor which of the staff did something: they see that of each
other. `tests/api/test_readings.py` has a buyer leave their words wherever there is room for them, and asks each route.
"""

SHOWN: dict[str, str] = {
    "GET /admin/orders": "order.read",
    "GET /admin/orders/{number:str}": "order.read",
    "GET /admin/orders/{number:str}/explain": "order.read",
    "GET /admin/orders/{number:str}/shipments/{n:int}/packing-slip": "order.read",
    "GET /admin/returns": "return.read",
    "GET /admin/returns/{return_id:uuid}": "return.read",
    "GET /admin/reviews": "review.read",
    "GET /admin/reviews/{review_id:uuid}": "review.read",
    "GET /admin/users": "user.read",
    "GET /admin/users/{user_id:uuid}": "user.read",
    "GET /admin/users/{user_id:uuid}/store-credit": "store_credit.read",
    "GET /admin/vendors/{slug:str}/members": "vendor_member.read",
    "GET /admin/letters/{letter_id:uuid}": "letter.read",
    "GET /admin/mail-bounces": "bounce.read",
    "GET /admin/webhook-endpoints/{endpoint_id:uuid}/deliveries": "webhook_delivery.read",
    "GET /admin/webhook-endpoints/{endpoint_id:uuid}/deliveries/{delivery_id:uuid}": "webhook_delivery.read",
    "POST /admin/codec/decode": "payload.read",
    "GET /vendor/orders/{number:str}": "order.read",
    # Buyers' own, which staff may read too
    "GET /orders/{number:str}/invoice": "order.read",
    "GET /orders/{number:str}/credit-notes/{n:int}": "order.read",
    # The desk's
    "GET /desk/orders": "order.read",
    "GET /desk/orders/{number:str}": "order.read",
    "GET /desk/orders/{number:str}/live": "order.read",
}
"""Written down as what."""

_GOODS = "goods, and what they cost"
_STOCK = "units, and the numbers of orders that hold them"
_TERMS = "the shop's own terms"
_SUMS = "sums of many"
_WAITS = "orders by number, accounts by id, what is to be done, and which of the staff does it"
_REPORTS = "sums, goods, payments by reference, and orders by number"
_MONEY = "what a vendor is owed and was paid, and the provider's id of their account"
_CARDS = "a balance, the numbers of orders that it paid for, and which of the staff gave it out"
_LETTERS = "which letter, and what became of it; addresses are taken out of a mail server's words"
_WORDS = "words that the shop writes, and who of the staff wrote them"
_OWN = "the shop's own people"

NOTHING: dict[str, str] = {
    "GET /admin/audit": "what staff did; it names a field of a person's, never what it held",
    "POST /admin/codec/encode": "what was sent, sealed",
    "GET /admin/products": _GOODS,
    "GET /admin/products/{slug:str}": _GOODS,
    "GET /admin/products/{slug:str}/variants": _GOODS,
    "GET /admin/products/{slug:str}/images": _GOODS,
    "GET /admin/products/export": _GOODS,
    "GET /admin/products/imports": _GOODS,
    "GET /admin/products/imports/{import_id:uuid}": _GOODS,
    "GET /admin/products/imports/{import_id:uuid}/problems": _GOODS,
    "GET /admin/variants": _GOODS,
    "GET /admin/variants/{sku:str}": _GOODS,
    "GET /admin/categories": _GOODS,
    "GET /admin/categories/{slug:str}": _GOODS,
    "GET /admin/tags": _GOODS,
    "GET /admin/tags/{slug:str}": _GOODS,
    "GET /admin/search": _GOODS,
    "GET /admin/search/synonyms": _GOODS,
    "GET /admin/search/synonyms/{group_id:uuid}": _GOODS,
    "GET /admin/vendors": "a vendor's name and words, as shoppers read them",
    "GET /admin/vendors/{slug:str}": "a vendor's name and words, as shoppers read them",
    "GET /admin/vendors/{slug:str}/payouts": _MONEY,
    "GET /admin/vendors/{slug:str}/payout-account": _MONEY,
    "GET /admin/inventory": _STOCK,
    "GET /admin/inventory/ledger": _STOCK,
    "GET /admin/inventory/low-stock": _STOCK,
    "GET /admin/inventory/{sku:str}": _STOCK,
    "GET /admin/inventory/{sku:str}/adjustments": _STOCK,
    "GET /admin/analytics/search": "what many searched for; what looks like somebody's address or number is not kept",
    "GET /admin/analytics/dashboard": _SUMS,
    "GET /admin/analytics/sales": _SUMS,
    "GET /admin/commission-rules": _TERMS,
    "GET /admin/commission-rules/{rule_id:uuid}": _TERMS,
    "GET /admin/coupons": _TERMS,
    "GET /admin/coupons/{code:str}": _TERMS,
    "GET /admin/shipping-methods": _TERMS,
    "GET /admin/shipping-methods/{code:str}": _TERMS,
    "GET /admin/shipping-zones": _TERMS,
    "GET /admin/shipping-zones/{code:str}": _TERMS,
    "GET /admin/locations": _TERMS,
    "GET /admin/locations/{code:str}": _TERMS,
    "GET /admin/tax-rates": _TERMS,
    "GET /admin/tax-rates/{rate_id:uuid}": _TERMS,
    "GET /admin/gift-cards": _CARDS,
    "GET /admin/gift-cards/{card_id:uuid}": _CARDS,
    "GET /admin/approvals": _WAITS,
    "GET /admin/approvals/{approval_id:uuid}": _WAITS,
    "GET /admin/attention": _WAITS,
    "GET /admin/attention/{need_id:uuid}": _WAITS,
    "GET /admin/cases": "what a provider and the books say of a payment, by reference",
    "GET /admin/cases/{case_id:uuid}": "what a provider and the books say of a payment, by reference",
    "GET /admin/reconciliations": _SUMS,
    "GET /admin/reports": _REPORTS,
    "GET /admin/reports/{report_id:uuid}": _REPORTS,
    "GET /admin/reports/{report_id:uuid}/download": _REPORTS,
    "GET /admin/report-schedules": "times of day",
    "GET /admin/report-schedules/{kind:str}/subscribers": _OWN,
    "GET /admin/webhook-endpoints": "addresses of other programs",
    "GET /admin/webhook-endpoints/{endpoint_id:uuid}": "addresses of other programs",
    "GET /admin/letters": _LETTERS,
    "GET /admin/mail-templates": _WORDS,
    "GET /admin/mail-templates/{template:str}/{language:str}": _WORDS,
    "GET /admin/mail-templates/{template:str}/{language:str}/versions/{number:int}": _WORDS,
    "POST /admin/mail-templates/{template:str}/{language:str}/preview": "a letter to somebody made up",
    "GET /vendor/products": _GOODS,
    "GET /vendor/products/{slug:str}": _GOODS,
    "GET /vendor/orders": "numbers, units and sums",
    "GET /vendor/payouts": _MONEY,
    "GET /vendor/payouts/{payout_id:uuid}": _MONEY,
    # Buyers' own, which staff may read too
    "GET /orders/{number:str}/papers": "numbers and sums",
    # The desk's
    "GET /desk": "leads elsewhere",
    "GET /desk/attention": _WAITS,
    "GET /desk/attention/count": _SUMS,
    "GET /desk/orders/{number:str}/stream": "that something has happened, and not what",
    "GET /desk/products": _GOODS,
    "GET /desk/products/product": _GOODS,
    "GET /desk/stock": _STOCK,
    "GET /desk/stock/variant": _STOCK,
    "GET /desk/approvals": _WAITS,
    "GET /desk/reports": _REPORTS,
    "GET /desk/reports/{report_id:uuid}": _REPORTS,
    "GET /desk/reports/{report_id:uuid}/download": _REPORTS,
}
"""Holds nothing of a person: why not."""

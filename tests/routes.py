"""Who may do what: every route of the app and whom it is for, written by hand.

A new route needs a row here, else tests/house fails. Write the address as the handler does, below the base path, and
say whom it is for:

    "GET /admin/things/{thing_id:uuid}": {SUPPORT, ADMIN},      needs a scope, which these roles have; all others: 403
    "GET /things": PUBLIC,                                      no token is looked at
    "POST /things": ANYONE,                                     with or without an account, but with no bad token
    "GET /mine": ACCOUNT,                                       whoever is signed in
    "POST /auth/token/verify": TOKEN,                           whoever holds a token, which the operation itself reads

Do not compute it from `models/roles.py`: that table is what is tested with this one. `tests/api/test_matrix.py` sends
each route an empty body and made-up ids: an answer of 401 or 403 for another reason than who asks, or of 5xx, is a
fault of the route, not of the table.
"""

from api.app import BASE
from models.roles import Role

PUBLIC, ANYONE, TOKEN = "public", "anyone", "token"
CUSTOMER, VENDOR, SUPPORT, CATALOG, FINANCE, ADMIN = (
    Role.CUSTOMER, Role.VENDOR, Role.SUPPORT, Role.CATALOG, Role.FINANCE, Role.ADMIN,
)  # fmt: skip
ACCOUNT = {CUSTOMER, VENDOR, SUPPORT, CATALOG, FINANCE, ADMIN}
STAFF = {SUPPORT, CATALOG, FINANCE, ADMIN}

TABLE: dict[str, str | set[Role]] = {
    # Catalogue
    "GET /products": PUBLIC,
    "GET /products/{slug:str}": PUBLIC,
    "GET /categories": PUBLIC,
    "GET /categories/{slug:str}": PUBLIC,
    "GET /categories/{slug:str}/products": PUBLIC,
    "GET /products/{slug:str}/reviews": PUBLIC,
    "POST /products/{slug:str}/reviews": ACCOUNT,
    "GET /reviews": ACCOUNT,
    "PATCH /reviews/{review_id:uuid}": ACCOUNT,
    "DELETE /reviews/{review_id:uuid}": ACCOUNT,
    "POST /reviews/{review_id:uuid}/helpful": ACCOUNT,
    "DELETE /reviews/{review_id:uuid}/helpful": ACCOUNT,
    # Cart and checkout
    "GET /cart": ANYONE,
    "DELETE /cart": ANYONE,
    "POST /cart/items": ANYONE,
    "PATCH /cart/items/{item_id:uuid}": ANYONE,
    "DELETE /cart/items/{item_id:uuid}": ANYONE,
    "POST /cart/coupon": ANYONE,
    "DELETE /cart/coupon": ANYONE,
    "POST /cart/gift-cards": ANYONE,
    "DELETE /cart/gift-cards/{card_id:uuid}": ANYONE,
    "POST /checkout/quote": ANYONE,
    "POST /checkout": ANYONE,
    # Accounts
    "POST /auth/register": PUBLIC,
    "POST /auth/login": PUBLIC,
    "POST /auth/token/refresh": PUBLIC,
    "POST /auth/token/verify": TOKEN,
    "POST /auth/logout": TOKEN,
    "POST /auth/password/forgot": PUBLIC,
    "POST /auth/password/verify-otp": PUBLIC,
    "POST /auth/password/reset": PUBLIC,
    "GET /auth/sessions": ACCOUNT,
    "DELETE /auth/sessions/{session_id:uuid}": ACCOUNT,
    "POST /unsubscribe/{token:str}": PUBLIC,
    "GET /auth/me": ACCOUNT,
    "PATCH /auth/me": ACCOUNT,
    "DELETE /auth/me": ACCOUNT,
    "GET /auth/me/export": ACCOUNT,
    "POST /auth/password/change": ACCOUNT,
    "GET /store-credit": ACCOUNT,
    "GET /addresses": ACCOUNT,
    "POST /addresses": ACCOUNT,
    "GET /addresses/{address_id:uuid}": ACCOUNT,
    "PATCH /addresses/{address_id:uuid}": ACCOUNT,
    "DELETE /addresses/{address_id:uuid}": ACCOUNT,
    "GET /notifications": ACCOUNT,
    "GET /notifications/unread-count": ACCOUNT,
    "POST /notifications/read-all": ACCOUNT,
    "POST /notifications/{notification_id:uuid}/read": ACCOUNT,
    "GET /payment-methods": ACCOUNT,
    "POST /payment-methods": ACCOUNT,
    "DELETE /payment-methods/{method_id:str}": ACCOUNT,
    "POST /payment-methods/{method_id:str}/default": ACCOUNT,
    "GET /wishlist": ACCOUNT,
    "POST /wishlist": ACCOUNT,
    "DELETE /wishlist": ACCOUNT,
    "GET /wishlist/{product_slug:str}": ACCOUNT,
    "POST /wishlist/{product_slug:str}": ACCOUNT,
    "DELETE /wishlist/{product_slug:str}": ACCOUNT,
    # Orders
    "GET /orders": ACCOUNT,
    "GET /orders/{number:str}": ANYONE,
    "GET /orders/{number:str}/events": ANYONE,
    "POST /orders/{number:str}/pay": ANYONE,
    "POST /orders/{number:str}/cancel": ANYONE,
    # Payment providers
    "POST /webhooks/stripe": PUBLIC,
    # Staff
    "GET /admin/audit": {FINANCE, ADMIN},
    "GET /admin/products": STAFF,
    "POST /admin/products": {CATALOG, ADMIN},
    "GET /admin/products/{slug:str}": STAFF,
    "PATCH /admin/products/{slug:str}": {CATALOG, ADMIN},
    "DELETE /admin/products/{slug:str}": {CATALOG, ADMIN},
    "POST /admin/products/{slug:str}/restore": {CATALOG, ADMIN},
    "GET /admin/variants": STAFF,
    "POST /admin/variants": {CATALOG, ADMIN},
    "GET /admin/variants/{sku:str}": STAFF,
    "PATCH /admin/variants/{sku:str}": {CATALOG, ADMIN},
    "DELETE /admin/variants/{sku:str}": {CATALOG, ADMIN},
    "POST /admin/variants/{sku:str}/restore": {CATALOG, ADMIN},
    "GET /admin/products/{slug:str}/variants": STAFF,
    "POST /admin/products/{slug:str}/variants": {CATALOG, ADMIN},
    "GET /admin/categories": STAFF,
    "POST /admin/categories": {CATALOG, ADMIN},
    "GET /admin/categories/{slug:str}": STAFF,
    "PATCH /admin/categories/{slug:str}": {CATALOG, ADMIN},
    "DELETE /admin/categories/{slug:str}": {CATALOG, ADMIN},
    "POST /admin/categories/{slug:str}/restore": {CATALOG, ADMIN},
    "GET /admin/tags": STAFF,
    "POST /admin/tags": {CATALOG, ADMIN},
    "GET /admin/tags/{slug:str}": STAFF,
    "PATCH /admin/tags/{slug:str}": {CATALOG, ADMIN},
    "DELETE /admin/tags/{slug:str}": {CATALOG, ADMIN},
    "POST /admin/tags/{slug:str}/restore": {CATALOG, ADMIN},
    "GET /admin/vendors": STAFF,
    "POST /admin/vendors": {CATALOG, ADMIN},
    "GET /admin/vendors/{slug:str}": STAFF,
    "PATCH /admin/vendors/{slug:str}": {CATALOG, ADMIN},
    "DELETE /admin/vendors/{slug:str}": {CATALOG, ADMIN},
    "POST /admin/vendors/{slug:str}/restore": {CATALOG, ADMIN},
    "GET /admin/reviews": STAFF,
    "GET /admin/reviews/{review_id:uuid}": STAFF,
    "POST /admin/reviews/{review_id:uuid}/approve": {SUPPORT, CATALOG, ADMIN},
    "POST /admin/reviews/{review_id:uuid}/reject": {SUPPORT, CATALOG, ADMIN},
    "GET /admin/coupons": STAFF,
    "POST /admin/coupons": {CATALOG, ADMIN},
    "POST /admin/coupons/bulk": {CATALOG, ADMIN},
    "GET /admin/coupons/{code:str}": STAFF,
    "PATCH /admin/coupons/{code:str}": {CATALOG, ADMIN},
    "DELETE /admin/coupons/{code:str}": {CATALOG, ADMIN},
    "POST /admin/coupons/{code:str}/restore": {CATALOG, ADMIN},
    "GET /admin/products/{slug:str}/images": STAFF,
    "POST /admin/products/{slug:str}/images": {CATALOG, ADMIN},
    "PATCH /admin/products/{slug:str}/images/{image_id:uuid}": {CATALOG, ADMIN},
    "DELETE /admin/products/{slug:str}/images/{image_id:uuid}": {CATALOG, ADMIN},
    "GET /admin/users": {SUPPORT, ADMIN},
    "POST /admin/users": {ADMIN},
    "GET /admin/users/{user_id:uuid}": {SUPPORT, ADMIN},
    "PATCH /admin/users/{user_id:uuid}": {ADMIN},
    "DELETE /admin/users/{user_id:uuid}": {ADMIN},
    "POST /admin/users/{user_id:uuid}/restore": {ADMIN},
    "POST /admin/users/{user_id:uuid}/sessions/revoke": {ADMIN},
    "GET /admin/shipping-methods": STAFF,
    "POST /admin/shipping-methods": {FINANCE, ADMIN},
    "GET /admin/shipping-methods/{code:str}": STAFF,
    "PATCH /admin/shipping-methods/{code:str}": {FINANCE, ADMIN},
    "DELETE /admin/shipping-methods/{code:str}": {FINANCE, ADMIN},
    "POST /admin/shipping-methods/{code:str}/restore": {FINANCE, ADMIN},
    "GET /admin/shipping-zones": STAFF,
    "POST /admin/shipping-zones": {FINANCE, ADMIN},
    "GET /admin/shipping-zones/{code:str}": STAFF,
    "PATCH /admin/shipping-zones/{code:str}": {FINANCE, ADMIN},
    "DELETE /admin/shipping-zones/{code:str}": {FINANCE, ADMIN},
    "GET /admin/gift-cards": {SUPPORT, FINANCE, ADMIN},
    "POST /admin/gift-cards": {FINANCE, ADMIN},
    "GET /admin/gift-cards/{card_id:uuid}": {SUPPORT, FINANCE, ADMIN},
    "DELETE /admin/gift-cards/{card_id:uuid}": {FINANCE, ADMIN},
    "GET /admin/users/{user_id:uuid}/store-credit": {SUPPORT, FINANCE, ADMIN},
    "POST /admin/users/{user_id:uuid}/store-credit": {FINANCE, ADMIN},
    "GET /admin/tax-rates": STAFF,
    "POST /admin/tax-rates": {FINANCE, ADMIN},
    "GET /admin/tax-rates/{rate_id:uuid}": STAFF,
    "PATCH /admin/tax-rates/{rate_id:uuid}": {FINANCE, ADMIN},
    "DELETE /admin/tax-rates/{rate_id:uuid}": {FINANCE, ADMIN},
}
"""Below the base path."""

AT_THE_ROOT: dict[str, str | set[Role]] = {
    "GET /health": PUBLIC,
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /docs/redoc": PUBLIC,
    "GET /docs/openapi.json": PUBLIC,
    "GET /docs/{path:str}": PUBLIC,
    "GET /docs/start/{name:str}": PUBLIC,
    "GET /docs/swagger/{file_path:path}": PUBLIC,
    "GET /docs/redoc-ui/{file_path:path}": PUBLIC,
    "GET /media/{file_path:path}": PUBLIC,
}
ROUTES = AT_THE_ROOT | {name.replace(" ", f" {BASE}", 1): who for name, who in TABLE.items()}
"""Every route by method and address."""

"""Forgetting an account: what goes, what stays without its person, and what must be over before.

Every table that holds something of a person has its statement here. Ledgers hold nothing of them, and are not edited.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from models.database import Database, Writer
from models.erasure import ERASED, MOST_TOLD, Business, address_of
from models.ids import OrderNumber, UserId
from models.order import OrderStatus
from models.session import Ended
from models.tables import account as accounts
from models.tables import outbox
from models.tables import password_reset as resets
from models.tables import session as sessions

_OVER = (OrderStatus.DELIVERED, OrderStatus.COMPLETED, OrderStatus.CANCELLED)

_WHO = "SELECT email, locale, erasure_asked_at FROM users WHERE id = $1 FOR NO KEY UPDATE"
_CLOSE = """
UPDATE users SET email = $2, password_hash = NULL, first_name = NULL, last_name = NULL, phone = NULL, locale = 'en',
       marketing_consent = false, marketing_consent_at = NULL, last_login_at = NULL, roles = '{customer}',
       archived_at = coalesce(archived_at, now()), erasure_asked_at = now(), updated_at = now()
WHERE id = $1
"""
_BUSINESS = """
SELECT u.provider_customer,
       ARRAY(SELECT number FROM orders o WHERE customer_id = u.id AND (
                 NOT status = ANY ($2::text[])
                 OR EXISTS (SELECT FROM returns r WHERE r.order_id = o.id AND r.settled_at IS NULL)
                 OR EXISTS (SELECT FROM papers p WHERE p.order_id = o.id AND p.sha256 IS NULL)
             ) ORDER BY placed_at DESC LIMIT $3) AS orders,
       (SELECT count(*) FROM outbox x LEFT JOIN orders o ON o.id = x.order_id
        WHERE x.settled_at IS NULL AND x.created_at > now() - interval '7 days'
          AND (x.user_id = u.id OR o.customer_id = u.id)) AS letters
FROM users u WHERE u.id = $1
"""
_BOUNCES = """
DELETE FROM mail_bounces WHERE address IN (
    SELECT lower(email) FROM users WHERE id = $1 UNION SELECT lower(email) FROM orders WHERE customer_id = $1
)
"""
"""While their rows still tell the addresses."""
_THEIRS = "SELECT id FROM orders WHERE customer_id = $1"
_EMPTY_CART = (
    "SELECT FROM carts WHERE user_id = $1 FOR UPDATE",
    "DELETE FROM cart_coupons WHERE cart_id IN (SELECT id FROM carts WHERE user_id = $1)",
    "DELETE FROM cart_gift_cards WHERE cart_id IN (SELECT id FROM carts WHERE user_id = $1)",
    "DELETE FROM cart_items WHERE cart_id IN (SELECT id FROM carts WHERE user_id = $1)",
    "DELETE FROM carts WHERE user_id = $1",
)
_PLACE = """
jsonb_strip_nulls(jsonb_build_object(
    'full_name', '{erased}', 'line1', '{erased}', 'city', '{erased}', 'postal_code', '{erased}',
    'country', {address} -> 'country', 'region', {address} -> 'region'
))
"""
"""What the tax was reckoned by: an address without its person, that still reads as one."""
_ORDERS = f"""
UPDATE orders o SET email = $2,
       shipping_address = {_PLACE.format(erased=ERASED, address="o.shipping_address")},
       billing_address = {_PLACE.format(erased=ERASED, address="o.billing_address")},
       cancel_reason = CASE WHEN EXISTS (
           SELECT FROM order_events e WHERE e.order_id = o.id AND e.type = 'order_cancelled' AND e.actor = 'buyer'
       ) THEN '{ERASED}' ELSE o.cancel_reason END
WHERE o.customer_id = $1
"""  # noqa: S608
_KEEP_WITHOUT = (
    f"UPDATE payments SET client_secret = NULL WHERE order_id IN ({_THEIRS})",  # noqa: S608
    f"UPDATE coupon_redemptions SET email = NULL WHERE user_id = $1 OR order_id IN ({_THEIRS})",  # noqa: S608
    f"""UPDATE returns SET reason = '{ERASED}', digest = '{ERASED}', key = id::text
        WHERE order_id IN ({_THEIRS}) AND key <> id::text""",  # noqa: S608
    f"""UPDATE order_edits SET reason = '{ERASED}', digest = '{ERASED}', key = id::text,
            shipping_address = {_PLACE.format(erased=ERASED, address="shipping_address")}
        WHERE shipping_address IS NOT NULL AND order_id IN ({_THEIRS}) AND key <> id::text""",  # noqa: S608
    f"""UPDATE order_edits SET reason = '{ERASED}', digest = '{ERASED}', key = id::text
        WHERE order_id IN ({_THEIRS}) AND key <> id::text""",  # noqa: S608
    # Its file says to whom it was, for as long as tax law wants it kept.
    f"""UPDATE papers SET buyer = jsonb_build_object(
            'bill', {_PLACE.format(erased=ERASED, address="(buyer -> 'bill')")},
            'ship', {_PLACE.format(erased=ERASED, address="(buyer -> 'ship')")}
        ) WHERE order_id IN ({_THEIRS})""",  # noqa: S608
    # A digest is made of the request: of name and street, too. A key is whatever the client wrote.
    f"""UPDATE checkouts SET digest = '{ERASED}', key = '{ERASED}'
        WHERE cart_id = $1 OR number IN (SELECT number FROM orders WHERE customer_id = $1)""",  # noqa: S608
)
_DELETE = (
    # In one order: two who leave at once have voted for each other.
    """SELECT FROM reviews WHERE id IN (
           SELECT id FROM reviews WHERE user_id = $1 UNION SELECT review_id FROM review_votes WHERE user_id = $1
       ) ORDER BY id FOR UPDATE""",
    "DELETE FROM addresses WHERE user_id = $1",
    "UPDATE purchases SET buyer = order_id WHERE buyer = $1",
    "DELETE FROM review_votes WHERE user_id = $1",
    "DELETE FROM reviews WHERE user_id = $1",
    "DELETE FROM wishlist_items WHERE user_id = $1",
    "DELETE FROM notifications WHERE user_id = $1",
    "DELETE FROM payment_methods WHERE user_id = $1",
    "DELETE FROM password_resets WHERE user_id = $1",
    "DELETE FROM report_subscribers WHERE user_id = $1",
    "DELETE FROM sessions WHERE user_id = $1",
    "DELETE FROM outbox WHERE user_id = $1",
    f"UPDATE webhook_deliveries SET body = NULL, excerpt = NULL WHERE order_id IN ({_THEIRS})",  # noqa: S608
    f"""UPDATE outbox SET settled_at = now(), error = 'withdrawn: the buyer is forgotten'
        WHERE settled_at IS NULL AND order_id IN ({_THEIRS})""",  # noqa: S608
)
_LOOKS = "DELETE FROM product_views WHERE visitor = ANY ($1::uuid[])"
_REPEATS = "DELETE FROM idempotent_requests WHERE scope >= $1 AND scope < $2"
"""Between `user/<id>/` and `user/<id>0`, the letter after a slash: the column's collation is C."""
_FORGOTTEN = """
UPDATE users SET provider_customer = NULL, erased_at = now(), updated_at = now() WHERE id = $1 AND erased_at IS NULL
"""
_WORKFLOWS = """
SELECT workflow_id FROM orders WHERE customer_id = $1
UNION SELECT 'order/' || cart_id || '/' || attempt FROM checkouts WHERE cart_id = $1
UNION SELECT 'papers/' || id FROM orders WHERE customer_id = $1
UNION SELECT 'refund/' || r.order_id || '/' || r.n FROM refunds r JOIN orders o ON o.id = r.order_id
WHERE o.customer_id = $1
UNION SELECT 'dispute/' || d.provider || '/' || d.reference FROM disputes d JOIN orders o ON o.id = d.order_id
WHERE o.customer_id = $1
"""
_EVENTS = (
    "UPDATE webhook_events SET body = '' WHERE workflow_id = ANY ($1::text[]) AND body <> ''",
    "UPDATE webhook_events SET body = '' WHERE workflow_id LIKE $1 AND body <> ''",
    "UPDATE webhook_events SET body = '' WHERE customer = $1 AND body <> ''",
)


async def close(writer: Writer, user: UserId) -> None:
    """Close an account for good and set its address free; its owner is told at the address it had. Again: nothing.

    Raises: Refusal `last_admin`.
    """
    admins = await accounts.lock_admins(writer)
    who = (await writer.exec_driver_sql(_WHO, (user,))).one_or_none()
    if who is None or who.erasure_asked_at is not None:
        return
    accounts.must_not_be_last(admins, user)
    await _do(writer, _BOUNCES, user)
    await writer.exec_driver_sql(_CLOSE, (user, address_of(user)))
    await writer.exec_driver_sql("DELETE FROM vendor_members WHERE user_id = $1", (user,))
    await sessions.revoke_all(writer, user, Ended.ERASED)
    await resets.forget(writer, user)
    await outbox.write_farewell(writer, user, who.email, who.locale)


async def business(database: Database, user: UserId) -> Business:
    """What of an account is not over yet."""
    rows = await database.fetch(_BUSINESS, user, list(_OVER), MOST_TOLD)
    if not rows:
        return Business((), 0, None)
    numbers = tuple(OrderNumber(number) for number in rows[0]["orders"])
    return Business(numbers, rows[0]["letters"], rows[0]["provider_customer"])


async def forget(writer: Writer, user: UserId, customer: str | None, visitors: Sequence[UUID] = ()) -> None:
    """Delete what was the person's, and take the person out of what must stay: orders, payments, who used coupons.

    Sums, lines and ledgers stay as they are. `visitors`: as whom their looks are kept. Again: changes nothing.
    """
    for statement in _EMPTY_CART:
        await _do(writer, statement, user)
    await _do(writer, _BOUNCES, user)
    await _do(writer, _ORDERS, user, address_of(user))
    for statement in (*_KEEP_WITHOUT, *_DELETE):
        await _do(writer, statement, user)
    await _do(writer, _LOOKS, list(visitors))
    await _do(writer, _REPEATS, f"user/{user}/", f"user/{user}0")
    await blank_events(writer, user, customer)
    await _do(writer, _FORGOTTEN, user)


async def blank_events(writer: Writer, user: UserId, customer: str | None) -> None:
    """Take what the provider told of a person out of its events: who paid is in them. Again: changes nothing."""
    workflows = list((await writer.exec_driver_sql(_WORKFLOWS, (user,))).scalars())
    for statement, value in zip(_EVENTS, (workflows, f"payment-method/{user}/%", customer), strict=True):
        await _do(writer, statement, value)


async def _do(writer: Writer, statement: str, *values: Any) -> None:
    await writer.exec_driver_sql(statement, values)

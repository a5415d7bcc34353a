"""What became of each checkout, and which request key asked for it: the memory that makes a repeat harmless."""

from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.checkout import Purchase
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import CartId, OrderNumber
from models.tables.base import Json, as_json, metadata, now_column

checkouts = sa.Table(
    "checkouts", metadata,
    sa.Column("cart_id", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("key", sa.Text, nullable=False, comment="the client's Idempotency-Key, or one made of the request"),
    sa.Column("digest", sa.Text, nullable=False, comment="of the request's body"),
    sa.Column("outcome", Json, nullable=False, comment="what `place_order` answered: placed, or refused and why"),
    now_column(),
    sa.Index("ix_checkouts_key", "cart_id", "key"),
)  # fmt: skip

requests = sa.Table(
    "idempotent_requests", metadata,
    sa.Column("scope", sa.Text(collation="C"), primary_key=True, comment="who and what: `cart/<id>/POST /cart/items`"),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("answer", Json),
    now_column(),
)  # fmt: skip


class PastCheckout(msgspec.Struct, frozen=True):
    """A checkout that has an outcome."""

    cart_id: CartId
    attempt: int
    number: OrderNumber
    key: str
    digest: str
    refusal: dict[str, Any] | None
    """`{code, detail, facts}` when it was refused; None when an order came of it."""


_REMEMBER = """
INSERT INTO checkouts (cart_id, attempt, number, key, digest, outcome) VALUES ($1, $2, $3, $4, $5, $6::jsonb)
"""
_OUTCOME = "SELECT outcome::text FROM checkouts WHERE cart_id = $1 AND attempt = $2"


async def remember(writer: Writer, purchase: Purchase, outcome: object) -> None:
    """Write a checkout's outcome in the transaction that brings it about."""
    await writer.exec_driver_sql(
        _REMEMBER,
        (purchase.cart_id, purchase.attempt, purchase.number, purchase.key, purchase.digest, as_json(outcome)),
    )


async def outcome_of(writer: Writer, cart: UUID, attempt: int) -> Any | None:
    """What an earlier run of the same checkout answered, as plain JSON; None: this is the first."""
    outcome = (await writer.exec_driver_sql(_OUTCOME, (cart, attempt))).scalar()
    return None if outcome is None else msgspec.json.decode(outcome)


_COLUMNS = "SELECT cart_id, attempt, number, key, digest, outcome -> 'refusal' AS refusal FROM checkouts "


async def by_key(database: Database, cart: CartId, key: str) -> PastCheckout | None:
    """The latest checkout of a cart that a client asked for under `key`."""
    return _past(
        await database.fetch(_COLUMNS + "WHERE cart_id = $1 AND key = $2 ORDER BY attempt DESC LIMIT 1", cart, key)
    )


async def by_attempt(database: Database, cart: CartId, attempt: int) -> PastCheckout | None:
    """Checkout number `attempt` of a cart."""
    return _past(await database.fetch(_COLUMNS + "WHERE cart_id = $1 AND attempt = $2", cart, attempt))


async def by_number(database: Database, number: str) -> PastCheckout | None:
    """The checkout that was given this order number."""
    return _past(await database.fetch(_COLUMNS + "WHERE number = $1", number))


def _past(rows: list[Any]) -> PastCheckout | None:
    if not rows:
        return None
    row = rows[0]
    refusal = msgspec.json.decode(row["refusal"]) if row["refusal"] else None
    cart = CartId(row["cart_id"])
    return PastCheckout(cart, row["attempt"], OrderNumber(row["number"]), row["key"], row["digest"], refusal)


async def first_time(writer: Writer, scope: str, key: str, digest: str) -> Any | None:
    """Claim a request key inside the transaction that does the work; the answer given before, if there was one.

    Two requests with one key meet at this row: the second waits for the first to commit.
    Raises: Refusal `idempotency_key_reused` when the key came with another body.
    """
    claimed = await writer.execute(
        pg.insert(requests).values(scope=scope, key=key, digest=digest).on_conflict_do_nothing()
    )
    if claimed.rowcount == 1:
        return None
    known = sa.select(requests.c.digest, requests.c.answer).where(requests.c.scope == scope, requests.c.key == key)
    row = (await writer.execute(known)).one()
    if row.digest != digest:
        raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another request.")
    return row.answer


async def keep_answer(writer: Writer, scope: str, key: str, answer: object) -> None:
    """Keep the answer for a repeat, in the same transaction."""
    await writer.execute(
        sa.update(requests).where(requests.c.scope == scope, requests.c.key == key).values(answer=answer)
    )

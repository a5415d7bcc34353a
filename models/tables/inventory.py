"""Stock, holds and the ledger of movements. Overselling is refused here, whatever code path asks."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Reader, Writer
from models.errors import Refusal
from models.ids import OrderId, VariantId, new_id
from models.inventory import HoldStatus, Movement
from models.tables.base import key, metadata, moment, now_column, one_of, reference
from models.tables.catalog import variants

stock = sa.Table(
    "stock", metadata,
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    sa.Column("on_hand", sa.Integer, nullable=False, comment="units in the house"),
    sa.Column("held", sa.Integer, nullable=False, server_default="0", comment="of these, promised to open orders"),
    sa.CheckConstraint("on_hand >= 0", name="on_hand_not_negative"),
    sa.CheckConstraint("held >= 0", name="held_not_negative"),
    sa.CheckConstraint("held <= on_hand", name="never_oversold"),
)  # fmt: skip

holds = sa.Table(
    "stock_holds", metadata,
    sa.Column("order_id", pg.UUID(as_uuid=True), primary_key=True, comment="no foreign key: held before the order row"),
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    sa.Column("quantity", sa.Integer, nullable=False),
    *one_of("status", HoldStatus),
    moment("until"),
    sa.CheckConstraint("quantity > 0", name="quantity_positive"),
)  # fmt: skip

movements = sa.Table(
    "stock_movements", metadata,
    key(),
    reference("variant_id", "variants.id", index=True),
    *one_of("kind", Movement),
    sa.Column("on_hand", sa.Integer, nullable=False, comment="change of on hand"),
    sa.Column("held", sa.Integer, nullable=False, comment="change of held"),
    sa.Column("order_id", pg.UUID(as_uuid=True)),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    now_column("at"),
    sa.UniqueConstraint("order_id", "variant_id", "kind"),
)  # fmt: skip


async def hold(writer: Writer, order: OrderId, wanted: Mapping[VariantId, int], until: datetime) -> None:
    """Promise units to an order, all or none. Rows are locked in one order everywhere, so two buyers never deadlock.

    Raises: Refusal `out_of_stock` with `items: [{sku, requested, available}]`; nothing is held then.
    """
    rows = await writer.execute(
        sa.select(stock.c.variant_id, variants.c.sku, (stock.c.on_hand - stock.c.held).label("available"))
        .join(variants, variants.c.id == stock.c.variant_id)
        .where(stock.c.variant_id.in_(list(wanted)))
        .order_by(stock.c.variant_id)
        .with_for_update(of=stock)
    )
    left = {row.variant_id: row for row in rows}
    short = [
        {"sku": left[variant].sku if variant in left else "", "requested": quantity,
         "available": max(left[variant].available, 0) if variant in left else 0}
        for variant, quantity in wanted.items()
        if variant not in left or left[variant].available < quantity
    ]  # fmt: skip
    if short:
        raise Refusal("out_of_stock", "Some items are no longer available in the quantity you want.", items=short)
    await writer.execute(
        sa.insert(holds),
        [{"order_id": order, "variant_id": variant, "quantity": quantity, "status": HoldStatus.HELD, "until": until}
         for variant, quantity in wanted.items()],
    )  # fmt: skip
    await _move(writer, order, wanted.items(), Movement.HOLD, 0, 1, "checkout")


async def settle_holds(writer: Writer, order: OrderId, end: HoldStatus, reason: str) -> int:
    """Turn an order's open holds into sales (COMMITTED) or give them back (RELEASED); again: changes nothing.

    Returns the number of units settled now.
    """
    rows = (
        await writer.execute(
            sa.update(holds)
            .where(holds.c.order_id == order, holds.c.status == HoldStatus.HELD)
            .values(status=end)
            .returning(holds.c.variant_id, holds.c.quantity)
        )
    ).all()
    settled = sorted((row.variant_id, row.quantity) for row in rows)
    if end is HoldStatus.COMMITTED:
        await _move(writer, order, settled, Movement.COMMIT, -1, -1, reason)
    else:
        await _move(writer, order, settled, Movement.RELEASE, 0, -1, reason)
    return sum(quantity for _, quantity in settled)


async def receive(writer: Writer, variant: VariantId, quantity: int, actor: str, reason: str) -> None:
    """Goods came in."""
    await writer.execute(
        pg.insert(stock).values(variant_id=variant, on_hand=quantity)
        .on_conflict_do_update(index_elements=["variant_id"], set_={"on_hand": stock.c.on_hand + quantity})
    )  # fmt: skip
    await writer.execute(
        sa.insert(movements).values(
            id=new_id(), variant_id=variant, kind=Movement.RECEIVE, on_hand=quantity, held=0, actor=actor, reason=reason
        )
    )


async def drift(reader: Reader) -> list[Any]:
    """Stock numbers that are not the sum of their movements: (sku, on_hand, held, both sums). Normally none."""
    total = sa.func.sum
    sums = (
        sa.select(
            movements.c.variant_id, total(movements.c.on_hand).label("on_hand"), total(movements.c.held).label("held")
        )
        .group_by(movements.c.variant_id)
        .subquery()
    )
    booked_on_hand, booked_held = sa.func.coalesce(sums.c.on_hand, 0), sa.func.coalesce(sums.c.held, 0)
    found = await reader.execute(
        sa.select(variants.c.sku, stock.c.on_hand, stock.c.held, booked_on_hand, booked_held)
        .join(variants, variants.c.id == stock.c.variant_id)
        .outerjoin(sums, sums.c.variant_id == stock.c.variant_id)
        .where((stock.c.on_hand != booked_on_hand) | (stock.c.held != booked_held))
    )
    return list(found)


async def _move(
    writer: Writer, order: OrderId, changes: Iterable[tuple[VariantId, int]], kind: Movement,
    on_hand: int, held: int, reason: str,
) -> None:  # fmt: skip
    """Change the numbers and write the ledger rows that explain them, in the callers' one transaction."""
    changes = list(changes)
    if not changes:
        return
    await writer.execute(
        sa.text(
            "UPDATE stock SET on_hand = on_hand + :on_hand * change.quantity, held = held + :held * change.quantity "
            "FROM unnest(CAST(:variants AS uuid[]), CAST(:quantities AS int[])) AS change(variant_id, quantity) "
            "WHERE stock.variant_id = change.variant_id"
        ),
        {"on_hand": on_hand, "held": held,
         "variants": [variant for variant, _ in changes], "quantities": [quantity for _, quantity in changes]},
    )  # fmt: skip
    await writer.execute(
        sa.insert(movements),
        [{"id": new_id(), "variant_id": variant, "kind": kind, "on_hand": on_hand * quantity, "held": held * quantity,
          "order_id": order, "actor": "order", "reason": reason} for variant, quantity in changes],
    )  # fmt: skip

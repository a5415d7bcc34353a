"""Backorders: units that are sold before they are here, and filled as soon as they come in."""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0017'
branch_labels = None
depends_on = None

FILL = """
CREATE FUNCTION fill_backorders() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    waiting record;
    lying record;
    units int;
BEGIN
    PERFORM FROM stock WHERE variant_id = NEW.variant_id AND backordered > 0 AND on_hand > held;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    FOR waiting IN
        SELECT b.order_id, b.quantity - b.filled - b.given_up AS open, b.filled, v.sku
        FROM backorders b JOIN variants v ON v.id = b.variant_id
        WHERE b.variant_id = NEW.variant_id AND b.quantity > b.filled + b.given_up
        ORDER BY b.created_at, b.order_id FOR UPDATE OF b
    LOOP
        -- Free units lie where this transaction has brought them, so their levels are its own; others are left alone.
        FOR lying IN
            SELECT location_id, on_hand - held AS free FROM stock_levels
            WHERE variant_id = NEW.variant_id AND on_hand > held ORDER BY location_id FOR UPDATE SKIP LOCKED
        LOOP
            units := least(lying.free, waiting.open);
            EXIT WHEN units = 0;
            waiting.open := waiting.open - units;
            waiting.filled := waiting.filled + units;
            UPDATE backorders SET filled = waiting.filled
            WHERE order_id = waiting.order_id AND variant_id = NEW.variant_id;
            UPDATE stock_levels SET held = held + units
            WHERE variant_id = NEW.variant_id AND location_id = lying.location_id;
            UPDATE stock SET backordered = backordered - units WHERE variant_id = NEW.variant_id;
            INSERT INTO stock_holds AS h (order_id, variant_id, location_id, open, until)
            SELECT o.id, NEW.variant_id, lying.location_id, units,
                   CASE WHEN o.status IN ('pending', 'on_hold') THEN o.pay_until END
            FROM orders o WHERE o.id = waiting.order_id
            ON CONFLICT (order_id, variant_id, location_id) DO UPDATE SET open = h.open + units;
            INSERT INTO stock_movements
                   (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
            VALUES (uuidv7(), NEW.variant_id, lying.location_id, 'hold', 0, units, waiting.order_id,
                    'backorder/' || waiting.order_id || '/' || waiting.filled, 'order', 'came in');
            INSERT INTO order_events (id, order_id, key, type, actor, facts)
            VALUES (uuidv7(), waiting.order_id, 'backorder/' || waiting.sku || '/' || waiting.filled, 'goods_came', 'order',
                    jsonb_build_object('sku', waiting.sku, 'quantity', units));
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER filled AFTER INSERT OR UPDATE ON stock DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.backordered > 0 AND NEW.on_hand > NEW.held) EXECUTE FUNCTION fill_backorders()
"""


def upgrade() -> None:
    op.create_table('backorders',
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('variant_id', sa.UUID(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False, comment='units that were not here when they were sold'),
    sa.Column('filled', sa.Integer(), server_default='0', nullable=False, comment='came since, and are held for it'),
    sa.Column('given_up', sa.Integer(), server_default='0', nullable=False, comment='will never be needed'),
    sa.Column('promised_at', sa.DateTime(timezone=True), nullable=False, comment='by when its buyer was told that they are sent'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('quantity > 0 AND filled >= 0 AND given_up >= 0 AND filled + given_up <= quantity', name=op.f('ck_backorders_filled_once')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_backorders_order_id_orders')),
    sa.ForeignKeyConstraint(['variant_id'], ['variants.id'], name=op.f('fk_backorders_variant_id_variants')),
    sa.PrimaryKeyConstraint('order_id', 'variant_id', name=op.f('pk_backorders'))
    )
    op.create_index('ix_backorders_waiting', 'backorders', ['variant_id', 'created_at'], unique=False, postgresql_where=sa.text('quantity > filled + given_up'))
    op.execute(FILL)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER filled ON stock")
    op.execute("DROP FUNCTION fill_backorders()")
    op.drop_index('ix_backorders_waiting', table_name='backorders')
    op.drop_table('backorders')

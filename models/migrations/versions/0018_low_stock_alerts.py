"""Low stock: whoever takes a level below its reorder point writes a letter to staff, in the same transaction."""

from alembic import op

revision = '0018'
down_revision = '0016'
branch_labels = None
depends_on = None

ALERT = """
CREATE FUNCTION stock_is_low() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    available int := NEW.on_hand - NEW.held;
    missing int := NEW.reorder_point - available;
    lot int := coalesce(NEW.reorder_quantity, 1);
BEGIN
    INSERT INTO outbox (id, topic, cause, payload)
    SELECT made.id, 'mail', 'low_stock/' || made.id, jsonb_build_object(
        'template', 'low_stock', 'variant', NEW.variant_id, 'place', NEW.location_id, 'sku', v.sku, 'name', p.name,
        'location', o.code, 'available', available, 'reorder_point', NEW.reorder_point,
        'suggested', (missing + lot - 1) / lot * lot
    )
    FROM (SELECT uuidv7() AS id) made, variants v JOIN products p ON p.id = v.product_id, locations o
    WHERE v.id = NEW.variant_id AND o.id = NEW.location_id AND v.archived_at IS NULL;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER low AFTER UPDATE ON stock_levels FOR EACH ROW
WHEN (OLD.on_hand - OLD.held >= OLD.reorder_point AND NEW.on_hand - NEW.held < NEW.reorder_point)
EXECUTE FUNCTION stock_is_low()
"""


def upgrade() -> None:
    op.execute(ALERT)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER low ON stock_levels")
    op.execute("DROP FUNCTION stock_is_low()")

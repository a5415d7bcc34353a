"""Stock by location: levels are the truth, `stock` is their sum; an order holds its goods until they are sent."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

MAIN = '01900000-0000-7000-8000-000000000001'

CHANGES = {
    "INSERT": "SELECT variant_id, on_hand, held FROM after",
    "UPDATE": "SELECT variant_id, on_hand, held FROM after UNION ALL SELECT variant_id, -on_hand, -held FROM before",
    "DELETE": "SELECT variant_id, -on_hand, -held FROM before",
}
SEEN = {"INSERT": "NEW TABLE AS after", "UPDATE": "OLD TABLE AS before NEW TABLE AS after", "DELETE": "OLD TABLE AS before"}
SUM_UP = """
CREATE FUNCTION stock_levels_{name}() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
{first}    -- In one order, after the levels: whoever changes the same variants elsewhere waits, and never in a circle.
    WITH change AS MATERIALIZED (
        SELECT variant_id, sum(on_hand) AS on_hand, sum(held) AS held FROM ({changes}) AS c (variant_id, on_hand, held)
        GROUP BY variant_id HAVING sum(on_hand) <> 0 OR sum(held) <> 0
    ), locked AS MATERIALIZED (
        SELECT s.variant_id FROM stock s JOIN change USING (variant_id) ORDER BY s.variant_id FOR UPDATE OF s
    )
    UPDATE stock s SET on_hand = s.on_hand + c.on_hand, held = s.held + c.held
    FROM locked JOIN change c USING (variant_id) WHERE s.variant_id = locked.variant_id;
    RETURN NULL;
END $$
"""
FIRST = """    INSERT INTO stock (variant_id, on_hand) SELECT DISTINCT variant_id, 0 FROM after ORDER BY 1 ON CONFLICT DO NOTHING;
"""
KINDS = ('receive', 'hold', 'release', 'commit', 'return', 'adjust', 'transfer')


def known(kinds: tuple[str, ...]) -> str:
    return f"kind IN ({', '.join(repr(kind) for kind in kinds)})"


def upgrade() -> None:
    op.create_table('locations',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False, comment='what people and files call it; never changes'),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('country', sa.String(length=2), nullable=True, comment='ISO 3166-1 alpha-2; null: nearest to nobody'),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('postal_code', sa.Text(), nullable=True),
    sa.Column('priority', sa.Integer(), server_default='100', nullable=False, comment='lower first'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True, comment='set: gives and takes nothing; has nothing lying in it'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_locations')),
    sa.UniqueConstraint('code', name=op.f('uq_locations_code'))
    )
    op.execute(f"INSERT INTO locations (id, code, name, priority) VALUES ('{MAIN}', 'main', 'Main', 0)")
    op.create_table('stock_levels',
    sa.Column('variant_id', sa.UUID(), nullable=False),
    sa.Column('location_id', sa.UUID(), nullable=False),
    sa.Column('on_hand', sa.Integer(), nullable=False, comment='units that lie there'),
    sa.Column('held', sa.Integer(), server_default='0', nullable=False, comment='of these, promised to orders'),
    sa.Column('reorder_point', sa.Integer(), nullable=True, comment='fewer available: it is time to order more; null: nobody watches'),
    sa.Column('reorder_quantity', sa.Integer(), nullable=True, comment='how many are ordered at a time; null: up to the point'),
    sa.CheckConstraint('held <= on_hand', name=op.f('ck_stock_levels_never_oversold')),
    sa.CheckConstraint('held >= 0', name=op.f('ck_stock_levels_held_not_negative')),
    sa.CheckConstraint('on_hand >= 0', name=op.f('ck_stock_levels_on_hand_not_negative')),
    sa.CheckConstraint('reorder_point >= 0 AND reorder_quantity > 0', name=op.f('ck_stock_levels_reorder_sensible')),
    sa.ForeignKeyConstraint(['location_id'], ['locations.id'], name=op.f('fk_stock_levels_location_id_locations')),
    sa.ForeignKeyConstraint(['variant_id'], ['variants.id'], name=op.f('fk_stock_levels_variant_id_variants')),
    sa.PrimaryKeyConstraint('variant_id', 'location_id', name=op.f('pk_stock_levels'))
    )
    op.create_index('ix_stock_levels_location_id', 'stock_levels', ['location_id'], unique=False)
    op.create_table_comment('stock', 'sums of stock_levels, kept by its triggers')
    op.execute(f"INSERT INTO stock_levels (variant_id, location_id, on_hand, held) SELECT variant_id, '{MAIN}', on_hand, held FROM stock")
    for event, changes in CHANGES.items():
        name = event.lower()
        op.execute(SUM_UP.format(name=name, changes=changes, first=FIRST if event == 'INSERT' else ''))
        op.execute(f"CREATE TRIGGER sum_up_{name} AFTER {event} ON stock_levels REFERENCING {SEEN[event]} "
                   f"FOR EACH STATEMENT EXECUTE FUNCTION stock_levels_{name}()")

    here = sa.text(f"'{MAIN}'")
    op.add_column('stock_holds', sa.Column('location_id', sa.UUID(), nullable=False, server_default=here))
    op.alter_column('stock_holds', 'location_id', server_default=None)
    op.alter_column('stock_holds', 'quantity', new_column_name='open', comment="still to be sent: part of the level's held")
    op.execute('ALTER TABLE stock_holds RENAME CONSTRAINT stock_holds_quantity_not_null TO stock_holds_open_not_null')
    op.add_column('stock_holds', sa.Column('shipped', sa.Integer(), server_default='0', nullable=False))
    op.add_column('stock_holds', sa.Column('released', sa.Integer(), server_default='0', nullable=False, comment='promised once, but not to be sent'))
    op.drop_constraint('ck_stock_holds_quantity_positive', 'stock_holds')
    op.execute("UPDATE stock_holds SET open = CASE WHEN status = 'held' THEN open ELSE 0 END, "
               "shipped = CASE WHEN status = 'committed' THEN open ELSE 0 END, "
               "released = CASE WHEN status = 'released' THEN open ELSE 0 END")
    op.drop_column('stock_holds', 'status')
    op.alter_column('stock_holds', 'until', nullable=True, comment='how long an order that is not paid keeps it; null: it is paid')
    op.create_check_constraint('nothing_negative', 'stock_holds', 'open >= 0 AND shipped >= 0 AND released >= 0')
    op.create_check_constraint('something_held', 'stock_holds', 'open + shipped + released > 0')

    op.add_column('stock_movements', sa.Column('location_id', sa.UUID(), nullable=False, server_default=here))
    op.alter_column('stock_movements', 'location_id', server_default=None)
    op.add_column('stock_movements', sa.Column('operation', sa.Text(), nullable=False, server_default='', comment='what it was part of: done once, however often asked'))
    # A change of type reads each row anew, and is not the edit of one that a ledger refuses.
    op.execute("ALTER TABLE stock_movements ALTER COLUMN operation DROP DEFAULT, ALTER COLUMN operation TYPE text "
               "USING CASE kind WHEN 'commit' THEN 'ship' ELSE kind END || '/' || coalesce(order_id, id)")
    op.drop_constraint('ck_stock_movements_kind_known', 'stock_movements')
    op.create_check_constraint('kind_known', 'stock_movements', known(KINDS))
    op.drop_constraint('uq_stock_movements_order_id_variant_id_kind', 'stock_movements')
    op.create_unique_constraint(op.f('uq_stock_movements_operation_variant_id_location_id'), 'stock_movements', ['operation', 'variant_id', 'location_id'])
    op.drop_index('ix_stock_movements_variant_id', table_name='stock_movements')
    op.create_index('ix_stock_movements_variant_id', 'stock_movements', ['variant_id', 'id'], unique=False)
    op.create_index('ix_stock_movements_order_id', 'stock_movements', ['order_id'], unique=False, postgresql_where=sa.text('order_id IS NOT NULL'))

    op.drop_constraint('pk_stock_holds', 'stock_holds')
    op.create_primary_key('pk_stock_holds', 'stock_holds', ['order_id', 'variant_id', 'location_id'])
    for table in ('stock_holds', 'stock_movements'):
        op.drop_constraint(f'fk_{table}_variant_id_variants', table)
        op.create_foreign_key(f'fk_{table}_level', table, 'stock_levels', ['variant_id', 'location_id'], ['variant_id', 'location_id'])


def downgrade() -> None:
    for table in ('stock_holds', 'stock_movements'):
        op.drop_constraint(f'fk_{table}_level', table)
        op.create_foreign_key(f'fk_{table}_variant_id_variants', table, 'variants', ['variant_id'], ['id'])
    op.drop_index('ix_stock_movements_order_id', table_name='stock_movements')
    op.drop_index('ix_stock_movements_variant_id', table_name='stock_movements')
    op.create_index('ix_stock_movements_variant_id', 'stock_movements', ['variant_id'], unique=False)
    op.drop_constraint('uq_stock_movements_operation_variant_id_location_id', 'stock_movements')
    op.create_unique_constraint(op.f('uq_stock_movements_order_id_variant_id_kind'), 'stock_movements', ['order_id', 'variant_id', 'kind'])
    op.drop_constraint('ck_stock_movements_kind_known', 'stock_movements')
    op.create_check_constraint('kind_known', 'stock_movements', known(('receive', 'hold', 'release', 'commit', 'adjust')))
    op.drop_column('stock_movements', 'operation')
    op.drop_column('stock_movements', 'location_id')

    op.drop_constraint('ck_stock_holds_something_held', 'stock_holds')
    op.drop_constraint('ck_stock_holds_nothing_negative', 'stock_holds')
    op.add_column('stock_holds', sa.Column('status', sa.Text(), nullable=False, server_default='held'))
    op.alter_column('stock_holds', 'status', server_default=None)
    op.execute("UPDATE stock_holds SET until = coalesce(until, now()), open = open + shipped + released, "
               "status = CASE WHEN open > 0 THEN 'held' WHEN shipped > 0 THEN 'committed' ELSE 'released' END")
    op.alter_column('stock_holds', 'until', nullable=False, comment=None)
    op.drop_column('stock_holds', 'released')
    op.drop_column('stock_holds', 'shipped')
    op.alter_column('stock_holds', 'open', new_column_name='quantity', comment=None)
    op.execute('ALTER TABLE stock_holds RENAME CONSTRAINT stock_holds_open_not_null TO stock_holds_quantity_not_null')
    op.create_check_constraint('status_known', 'stock_holds', "status IN ('held', 'committed', 'released')")
    op.create_check_constraint('quantity_positive', 'stock_holds', 'quantity > 0')
    op.drop_constraint('pk_stock_holds', 'stock_holds')
    op.drop_column('stock_holds', 'location_id')
    op.create_primary_key('pk_stock_holds', 'stock_holds', ['order_id', 'variant_id'])

    op.drop_table_comment('stock')
    for event in CHANGES:
        op.execute(f"DROP FUNCTION stock_levels_{event.lower()}() CASCADE")
    op.drop_index('ix_stock_levels_location_id', table_name='stock_levels')
    op.drop_table('stock_levels')
    op.drop_table('locations')

"""Shipments: which units of which position left the house, and when they arrived; staff's list of orders."""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('shipments',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False, comment='counts the parcels of the order, from 1'),
    sa.Column('location_id', sa.UUID(), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('tracking', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('shipped_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('n > 0', name=op.f('ck_shipments_counted_from_one')),
    sa.ForeignKeyConstraint(['location_id'], ['locations.id'], name=op.f('fk_shipments_location_id_locations')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_shipments_order_id_orders')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shipments')),
    sa.UniqueConstraint('order_id', 'n', name=op.f('uq_shipments_order_id_n'))
    )
    op.create_table('shipment_lines',
    sa.Column('shipment_id', sa.UUID(), nullable=False),
    sa.Column('order_line_id', sa.UUID(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_shipment_lines_quantity_positive')),
    sa.ForeignKeyConstraint(['order_line_id'], ['order_lines.id'], name=op.f('fk_shipment_lines_order_line_id_order_lines')),
    sa.ForeignKeyConstraint(['shipment_id'], ['shipments.id'], name=op.f('fk_shipment_lines_shipment_id_shipments')),
    sa.PrimaryKeyConstraint('shipment_id', 'order_line_id', name=op.f('pk_shipment_lines'))
    )
    op.create_index(op.f('ix_shipment_lines_order_line_id'), 'shipment_lines', ['order_line_id'], unique=False)
    op.add_column('order_lines', sa.Column('shipped', sa.Integer(), server_default='0', nullable=False, comment='units that have left'))
    op.add_column('order_lines', sa.Column('cancelled', sa.Integer(), server_default='0', nullable=False, comment='units that never will'))
    op.create_check_constraint(op.f('ck_order_lines_no_unit_is_sent_twice'), 'order_lines', 'shipped >= 0 AND cancelled >= 0 AND shipped + cancelled <= quantity')
    op.create_index('ix_orders_newest', 'orders', [sa.literal_column('placed_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('ix_orders_open', 'orders', ['status'], unique=False, postgresql_where=sa.text("status NOT IN ('delivered', 'completed', 'cancelled')"))
    op.create_index('ix_orders_delivered', 'orders', ['placed_at', 'id'], unique=False, postgresql_where=sa.text("status = 'delivered'"))
    op.create_index('ix_orders_attention', 'orders', [sa.literal_column('placed_at DESC'), sa.literal_column('id DESC')], unique=False, postgresql_where=sa.text('attention IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_orders_open', table_name='orders', postgresql_where=sa.text("status NOT IN ('delivered', 'completed', 'cancelled')"))
    op.drop_index('ix_orders_delivered', table_name='orders', postgresql_where=sa.text("status = 'delivered'"))
    op.drop_index('ix_orders_attention', table_name='orders', postgresql_where=sa.text('attention IS NOT NULL'))
    op.drop_index('ix_orders_newest', table_name='orders')
    op.drop_constraint(op.f('ck_order_lines_no_unit_is_sent_twice'), 'order_lines', type_='check')
    op.drop_column('order_lines', 'cancelled')
    op.drop_column('order_lines', 'shipped')
    op.drop_index(op.f('ix_shipment_lines_order_line_id'), table_name='shipment_lines')
    op.drop_table('shipment_lines')
    op.drop_table('shipments')

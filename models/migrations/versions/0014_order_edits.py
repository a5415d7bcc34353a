"""Edits of orders: what was asked for and told, and what became of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0014'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('order_edits',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False, comment='counts the edits of the order, from 1'),
    sa.Column('key', sa.Text(), nullable=False, comment='names the request, so that it is done once'),
    sa.Column('digest', sa.Text(), nullable=False, comment='of the request: another one under its key was not meant'),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False, comment='the words of whoever asked'),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='positions and totals that the order had'),
    sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='and those that it gets'),
    sa.Column('shipping_address', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='where it is to go; null: that stays'),
    sa.Column('difference', sa.BigInteger(), nullable=False, comment='of the totals; negative: something goes back'),
    sa.Column('refund_n', sa.Integer(), nullable=True, comment="number of the order's refund that gives the difference back"),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='until then it can be committed, and what it adds is held'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True, comment='over, whatever way'),
    sa.CheckConstraint("status IN ('proposed', 'committed', 'dropped', 'expired')", name=op.f('ck_order_edits_status_known')),
    sa.CheckConstraint("(status = 'proposed') = (settled_at IS NULL)", name=op.f('ck_order_edits_settled_when_over')),
    sa.CheckConstraint('n > 0', name=op.f('ck_order_edits_counted_from_one')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_order_edits_order_id_orders')),
    sa.ForeignKeyConstraint(['order_id', 'refund_n'], ['refunds.order_id', 'refunds.n'], name='fk_order_edits_refund'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_edits')),
    sa.UniqueConstraint('order_id', 'key', name=op.f('uq_order_edits_order_id_key')),
    sa.UniqueConstraint('order_id', 'n', name=op.f('uq_order_edits_order_id_n'))
    )
    op.create_index('ux_order_edits_one_open', 'order_edits', ['order_id'], unique=True, postgresql_where=sa.text("status = 'proposed'"))


def downgrade() -> None:
    op.drop_index('ux_order_edits_one_open', table_name='order_edits')
    op.drop_table('order_edits')

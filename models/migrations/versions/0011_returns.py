"""Returns: which units of which position come back, and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('returns',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False, comment='counts the returns of the order, from 1'),
    sa.Column('key', sa.Text(), nullable=False, comment='names the request, so that it is done once'),
    sa.Column('digest', sa.Text(), nullable=False, comment='of the request: another one under its key was not meant'),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False, comment="the buyer's words"),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('decision', sa.Text(), nullable=True, comment='why it was rejected'),
    sa.Column('fee', sa.BigInteger(), server_default='0', nullable=False, comment='kept of what the goods cost'),
    sa.Column('refund_n', sa.Integer(), nullable=True, comment="number of the order's refund that it brought about"),
    sa.Column('requested_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('send_until', sa.DateTime(timezone=True), nullable=True, comment='the goods have to be there by then'),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('inspected_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True, comment='over, whatever way'),
    sa.CheckConstraint("status IN ('requested', 'approved', 'rejected', 'received', 'inspected', 'settled', 'expired')", name=op.f('ck_returns_status_known')),
    sa.CheckConstraint('n > 0', name=op.f('ck_returns_counted_from_one')),
    sa.CheckConstraint('fee >= 0', name=op.f('ck_returns_fee_not_negative')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_returns_order_id_orders')),
    sa.ForeignKeyConstraint(['order_id', 'refund_n'], ['refunds.order_id', 'refunds.n'], name='fk_returns_refund'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_returns')),
    sa.UniqueConstraint('order_id', 'key', name=op.f('uq_returns_order_id_key')),
    sa.UniqueConstraint('order_id', 'n', name=op.f('uq_returns_order_id_n'))
    )
    op.create_index('ix_returns_newest', 'returns', [sa.literal_column('requested_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_table('return_lines',
    sa.Column('return_id', sa.UUID(), nullable=False),
    sa.Column('order_line_id', sa.UUID(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False, comment='asked for'),
    sa.Column('received', sa.Integer(), server_default='0', nullable=False, comment='of these, came'),
    sa.Column('restocked', sa.Integer(), server_default='0', nullable=False, comment='of what came, for sale again'),
    sa.Column('written_off', sa.Integer(), server_default='0', nullable=False, comment='of what came, not'),
    sa.CheckConstraint('quantity > 0 AND received BETWEEN 0 AND quantity', name=op.f('ck_return_lines_no_more_than_asked')),
    sa.CheckConstraint('restocked >= 0 AND written_off >= 0 AND restocked + written_off <= received', name=op.f('ck_return_lines_no_more_than_came')),
    sa.ForeignKeyConstraint(['order_line_id'], ['order_lines.id'], name=op.f('fk_return_lines_order_line_id_order_lines')),
    sa.ForeignKeyConstraint(['return_id'], ['returns.id'], name=op.f('fk_return_lines_return_id_returns')),
    sa.PrimaryKeyConstraint('return_id', 'order_line_id', name=op.f('pk_return_lines'))
    )
    op.create_index(op.f('ix_return_lines_order_line_id'), 'return_lines', ['order_line_id'], unique=False)
    op.add_column('order_lines', sa.Column('returned', sa.Integer(), server_default='0', nullable=False, comment='of what left, asked to come back'))
    op.create_check_constraint(op.f('ck_order_lines_no_unit_comes_back_twice'), 'order_lines', 'returned BETWEEN 0 AND shipped')


def downgrade() -> None:
    op.drop_constraint(op.f('ck_order_lines_no_unit_comes_back_twice'), 'order_lines', type_='check')
    op.drop_column('order_lines', 'returned')
    op.drop_index(op.f('ix_return_lines_order_line_id'), table_name='return_lines')
    op.drop_table('return_lines')
    op.drop_index('ix_returns_newest', table_name='returns')
    op.drop_table('returns')

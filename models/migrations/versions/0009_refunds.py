"""Refunds, and how much of each payment was taken and has gone back."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('refunds',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False, comment='counts the refunds of the order, from 1'),
    sa.Column('key', sa.Text(), nullable=False, comment='names the request, so that it is done once'),
    sa.Column('digest', sa.Text(), nullable=False, comment='of the request: another one under its key was not meant'),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('from_provider', sa.BigInteger(), nullable=False, comment='of what the payment provider took'),
    sa.Column('from_credit', sa.BigInteger(), nullable=False, comment='of what gift cards and store credit paid'),
    sa.Column('shipping', sa.BigInteger(), server_default='0', nullable=False, comment='of the amount, what was asked for as shipping'),
    sa.Column('store_credit', sa.Boolean(), nullable=False, comment="all of it goes to the buyer's store credit"),
    sa.Column('gift_card', sa.Boolean(), server_default='false', nullable=False, comment='all of it: a new gift card'),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('actor_id', sa.UUID(), nullable=True, comment='who of staff'),
    sa.Column('reference', sa.Text(), nullable=True, comment="the provider's id of the refund"),
    sa.Column('error', sa.Text(), nullable=True, comment='why it failed'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True, comment='succeeded, or failed'),
    sa.Column('returned_at', sa.DateTime(timezone=True), nullable=True, comment='came back after it had succeeded'),
    sa.CheckConstraint("status IN ('open', 'succeeded', 'failed')", name=op.f('ck_refunds_status_known')),
    sa.CheckConstraint('amount > 0 AND amount = from_provider + from_credit', name=op.f('ck_refunds_parts_add_up')),
    sa.CheckConstraint('from_provider >= 0 AND from_credit >= 0 AND shipping >= 0', name=op.f('ck_refunds_parts_not_negative')),
    sa.CheckConstraint('NOT (store_credit AND gift_card)', name=op.f('ck_refunds_one_way_to_go')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_refunds_order_id_orders')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refunds')),
    sa.UniqueConstraint('order_id', 'key', name=op.f('uq_refunds_order_id_key')),
    sa.UniqueConstraint('order_id', 'n', name=op.f('uq_refunds_order_id_n')),
    sa.UniqueConstraint('reference', name=op.f('uq_refunds_reference'))
    )
    op.create_index('ix_refunds_open', 'refunds', ['created_at'], unique=False, postgresql_where=sa.text("status = 'open'"))
    op.create_table('refund_lines',
    sa.Column('refund_id', sa.UUID(), nullable=False),
    sa.Column('order_line_id', sa.UUID(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_refund_lines_quantity_positive')),
    sa.ForeignKeyConstraint(['order_line_id'], ['order_lines.id'], name=op.f('fk_refund_lines_order_line_id_order_lines')),
    sa.ForeignKeyConstraint(['refund_id'], ['refunds.id'], name=op.f('fk_refund_lines_refund_id_refunds')),
    sa.PrimaryKeyConstraint('refund_id', 'order_line_id', name=op.f('pk_refund_lines'))
    )
    op.create_index(op.f('ix_refund_lines_order_line_id'), 'refund_lines', ['order_line_id'], unique=False)
    op.create_table('refund_credits',
    sa.Column('refund_id', sa.UUID(), nullable=False),
    sa.Column('account_id', sa.UUID(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='of what this account paid of the order'),
    sa.CheckConstraint('amount > 0', name=op.f('ck_refund_credits_amount_positive')),
    sa.ForeignKeyConstraint(['account_id'], ['credit_accounts.id'], name=op.f('fk_refund_credits_account_id_credit_accounts')),
    sa.ForeignKeyConstraint(['refund_id'], ['refunds.id'], name=op.f('fk_refund_credits_refund_id_refunds')),
    sa.PrimaryKeyConstraint('refund_id', 'account_id', name=op.f('pk_refund_credits'))
    )
    op.add_column('payments', sa.Column('captured', sa.BigInteger(), server_default='0', nullable=False, comment='what the provider took'))
    op.add_column('payments', sa.Column('refunded', sa.BigInteger(), server_default='0', nullable=False, comment='of that, gone back or reserved for it'))
    op.execute("UPDATE payments SET captured = amount WHERE status IN ('paid', 'partially_refunded', 'refunded')")
    op.create_check_constraint(op.f('ck_payments_never_over_refunded'), 'payments', 'refunded BETWEEN 0 AND captured AND captured <= amount')
    op.add_column('credit_holds', sa.Column('refunded', sa.BigInteger(), server_default='0', nullable=False, comment='of what was spent, gone back or reserved for it'))
    op.create_check_constraint(op.f('ck_credit_holds_never_over_refunded'), 'credit_holds', "refunded BETWEEN 0 AND CASE WHEN status = 'committed' THEN amount ELSE 0 END")


def downgrade() -> None:
    op.drop_constraint(op.f('ck_credit_holds_never_over_refunded'), 'credit_holds')
    op.drop_column('credit_holds', 'refunded')
    op.drop_constraint(op.f('ck_payments_never_over_refunded'), 'payments')
    op.drop_column('payments', 'refunded')
    op.drop_column('payments', 'captured')
    op.drop_table('refund_credits')
    op.drop_index(op.f('ix_refund_lines_order_line_id'), table_name='refund_lines')
    op.drop_table('refund_lines')
    op.drop_index('ix_refunds_open', table_name='refunds', postgresql_where=sa.text("status = 'open'"))
    op.drop_table('refunds')

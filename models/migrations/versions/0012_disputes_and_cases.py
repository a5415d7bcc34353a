"""Disputes: what the provider took from the shop for a buyer who went to their bank, and gave back."""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('disputes',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('payment_id', sa.UUID(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False, comment="the provider's id of it"),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False, comment="the provider's word"),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='what the buyer wants back'),
    sa.Column('withdrawn', sa.BigInteger(), nullable=False, comment='what the provider took for it'),
    sa.Column('fee', sa.BigInteger(), nullable=False, comment='what it took beside'),
    sa.Column('returned', sa.BigInteger(), nullable=False, comment='what it gave back'),
    sa.Column('fee_returned', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('answer_by', sa.DateTime(timezone=True), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('open', 'won', 'lost')", name=op.f('ck_disputes_status_known')),
    sa.CheckConstraint('withdrawn >= 0 AND fee >= 0 AND returned BETWEEN 0 AND withdrawn AND fee_returned BETWEEN 0 AND fee', name=op.f('ck_disputes_gives_back_what_it_took')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_disputes_order_id_orders')),
    sa.ForeignKeyConstraint(['payment_id'], ['payments.id'], name=op.f('fk_disputes_payment_id_payments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_disputes')),
    sa.UniqueConstraint('provider', 'reference', name=op.f('uq_disputes_provider_reference'))
    )
    op.create_index(op.f('ix_disputes_order_id'), 'disputes', ['order_id'], unique=False)
    op.create_index(op.f('ix_disputes_payment_id'), 'disputes', ['payment_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_disputes_payment_id'), table_name='disputes')
    op.drop_index(op.f('ix_disputes_order_id'), table_name='disputes')
    op.drop_table('disputes')

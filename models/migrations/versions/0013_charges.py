"""Charges: an order's further payments at its provider, and what a refund takes of each."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('charges',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('payment_id', sa.UUID(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False, comment="of the order's payments at the provider; the first is no row"),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False, comment="the provider's id of it"),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment="reserved; in the payment's currency"),
    sa.Column('captured', sa.BigInteger(), server_default='0', nullable=False, comment='of that, taken'),
    sa.Column('refunded', sa.BigInteger(), server_default='0', nullable=False, comment='of that, gone back or reserved for it'),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('authorized_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lapses_at', sa.DateTime(timezone=True), nullable=True, comment='when it is reserved anew, unless it was taken'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("purpose IN ('rest', 'renewal', 'edit')", name=op.f('ck_charges_purpose_known')),
    sa.CheckConstraint("status IN ('authorized', 'captured', 'voided')", name=op.f('ck_charges_status_known')),
    sa.CheckConstraint('n >= 2 AND amount > 0', name=op.f('ck_charges_further')),
    sa.CheckConstraint('refunded BETWEEN 0 AND captured AND captured <= amount', name=op.f('ck_charges_never_over_refunded')),
    sa.CheckConstraint("(status = 'captured') = (captured > 0)", name=op.f('ck_charges_captured_is_taken')),
    sa.ForeignKeyConstraint(['payment_id'], ['payments.id'], name=op.f('fk_charges_payment_id_payments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_charges')),
    sa.UniqueConstraint('payment_id', 'n', name=op.f('uq_charges_payment_id_n')),
    sa.UniqueConstraint('reference', name=op.f('uq_charges_reference'))
    )
    op.create_table('refund_parts',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('refund_id', sa.UUID(), nullable=False),
    sa.Column('charge_id', sa.UUID(), nullable=True, comment="null: of the order's first payment"),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=True, comment="the provider's id of the refund"),
    sa.Column('error', sa.Text(), nullable=True, comment='why it failed'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("status IN ('open', 'succeeded', 'failed')", name=op.f('ck_refund_parts_status_known')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_refund_parts_amount_positive')),
    sa.ForeignKeyConstraint(['charge_id'], ['charges.id'], name=op.f('fk_refund_parts_charge_id_charges')),
    sa.ForeignKeyConstraint(['refund_id'], ['refunds.id'], name=op.f('fk_refund_parts_refund_id_refunds')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refund_parts')),
    sa.UniqueConstraint('reference', name=op.f('uq_refund_parts_reference')),
    sa.UniqueConstraint('refund_id', 'charge_id', postgresql_nulls_not_distinct=True, name=op.f('uq_refund_parts_refund_id_charge_id'))
    )
    op.create_index(op.f('ix_refund_parts_charge_id'), 'refund_parts', ['charge_id'], unique=False)
    op.create_index(op.f('ix_refund_parts_refund_id'), 'refund_parts', ['refund_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_refund_parts_refund_id'), table_name='refund_parts')
    op.drop_index(op.f('ix_refund_parts_charge_id'), table_name='refund_parts')
    op.drop_table('refund_parts')
    op.drop_table('charges')

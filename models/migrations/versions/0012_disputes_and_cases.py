"""Disputes; what providers have, as they told it last; cases that a person decides."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

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
    op.create_table('cases',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('object', sa.Text(), nullable=False, comment="the provider's id of it; ours where it has none"),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=True),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='both sides, as they were told last'),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False, comment='of the object, or earlier'),
    sa.Column('opened_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False, comment='by the newest comparison that found it'),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by', sa.UUID(), nullable=True, comment='who of staff; null: both sides agree again'),
    sa.Column('reason', sa.Text(), nullable=True, comment='why it was closed'),
    sa.CheckConstraint("kind IN ('payment_unknown', 'payment_twice', 'payment_unsettled', 'payment_differs', 'authorization_left', 'refund_unknown', 'refund_differs', 'refund_missing', 'dispute_differs', 'transfer_unknown', 'transfer_differs', 'transfer_missing', 'ledger')", name=op.f('ck_cases_kind_known')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_cases_order_id_orders')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cases'))
    )
    op.create_index(op.f('ix_cases_order_id'), 'cases', ['order_id'], unique=False)
    op.create_index('ux_cases_one_open', 'cases', ['kind', 'object'], unique=True, postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('ix_cases_newest', 'cases', [sa.literal_column('opened_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_table('provider_objects',
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False, comment="the provider's id of it"),
    sa.Column('thing', sa.Text(), nullable=False),
    sa.Column('standing', sa.Text(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('moved', sa.BigInteger(), nullable=False, comment='taken, sent back, or taken from the shop'),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('ours', sa.UUID(), nullable=True, comment='our payment, refund or payout; null: none is named'),
    sa.Column('payment_reference', sa.Text(), nullable=True),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("thing IN ('payment', 'refund', 'dispute', 'transfer')", name=op.f('ck_provider_objects_thing_known')),
    sa.PrimaryKeyConstraint('provider', 'reference', name=op.f('pk_provider_objects'))
    )
    op.create_index('ix_provider_objects_thing', 'provider_objects', ['thing', 'made_at'], unique=False)
    op.create_index('ix_provider_objects_ours', 'provider_objects', ['ours'], unique=False, postgresql_where=sa.text('ours IS NOT NULL'))
    op.create_table('reconciliations',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False, comment='what was made then or later was compared'),
    sa.Column('looked', sa.Integer(), nullable=False, comment='objects that providers told of'),
    sa.Column('mended', sa.Integer(), nullable=False, comment='that differed, until their owners looked'),
    sa.Column('drift', sa.Integer(), nullable=False, comment='that differ'),
    sa.Column('ended_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reconciliations'))
    )
    op.create_index('ix_reconciliations_newest', 'reconciliations', [sa.literal_column('ended_at DESC'), sa.literal_column('id DESC')], unique=False)


def downgrade() -> None:
    op.drop_table('reconciliations')
    op.drop_table('provider_objects')
    op.drop_table('cases')
    op.drop_index(op.f('ix_disputes_payment_id'), table_name='disputes')
    op.drop_index(op.f('ix_disputes_order_id'), table_name='disputes')
    op.drop_table('disputes')

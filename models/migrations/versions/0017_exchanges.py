"""Exchanges: goods that come back for others."""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('return_lines', sa.Column('exchange_variant_id', sa.UUID(), nullable=True, comment='wanted instead; null: money'))
    op.create_foreign_key(op.f('fk_return_lines_exchange_variant_id_variants'), 'return_lines', 'variants', ['exchange_variant_id'], ['id'])
    op.add_column('refunds', sa.Column('card_id', sa.UUID(), nullable=True, comment='all of it pays for an exchange, by this gift card'))
    op.create_foreign_key(op.f('fk_refunds_card_id_credit_accounts'), 'refunds', 'credit_accounts', ['card_id'], ['id'])
    op.create_table('exchanges',
    sa.Column('return_id', sa.UUID(), nullable=False),
    sa.Column('cart_id', sa.UUID(), nullable=True, comment='of which the order is made; null: none is'),
    sa.Column('number', sa.Text(), nullable=True, comment='of that order'),
    sa.Column('card_id', sa.UUID(), nullable=True, comment='pays for it what the goods are worth that came back'),
    sa.Column('refund_id', sa.UUID(), nullable=True, comment='reserves that on the order of which they came back'),
    sa.Column('rest_n', sa.Integer(), nullable=True, comment='number of the refund of what they are worth more'),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('price', sa.BigInteger(), server_default='0', nullable=False, comment='of the goods wanted'),
    sa.Column('paid', sa.BigInteger(), server_default='0', nullable=False, comment='of that, by the card'),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('why', sa.Text(), nullable=True, comment='the money goes back instead'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('open', 'done', 'refunded')", name=op.f('ck_exchanges_status_known')),
    sa.CheckConstraint('paid BETWEEN 0 AND price', name=op.f('ck_exchanges_paid_within_price')),
    sa.ForeignKeyConstraint(['card_id'], ['credit_accounts.id'], name=op.f('fk_exchanges_card_id_credit_accounts')),
    sa.ForeignKeyConstraint(['refund_id'], ['refunds.id'], name=op.f('fk_exchanges_refund_id_refunds')),
    sa.ForeignKeyConstraint(['return_id'], ['returns.id'], name=op.f('fk_exchanges_return_id_returns')),
    sa.PrimaryKeyConstraint('return_id', name=op.f('pk_exchanges')),
    sa.UniqueConstraint('card_id', name=op.f('uq_exchanges_card_id')),
    sa.UniqueConstraint('cart_id', name=op.f('uq_exchanges_cart_id')),
    sa.UniqueConstraint('number', name=op.f('uq_exchanges_number')),
    sa.UniqueConstraint('refund_id', name=op.f('uq_exchanges_refund_id'))
    )


def downgrade() -> None:
    op.drop_table('exchanges')
    op.drop_constraint(op.f('fk_refunds_card_id_credit_accounts'), 'refunds', type_='foreignkey')
    op.drop_column('refunds', 'card_id')
    op.drop_constraint(op.f('fk_return_lines_exchange_variant_id_variants'), 'return_lines', type_='foreignkey')
    op.drop_column('return_lines', 'exchange_variant_id')

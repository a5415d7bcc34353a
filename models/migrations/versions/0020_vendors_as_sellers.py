"""Vendors as sellers: who acts for one, on which terms they sell, their part of orders, and the payout ledger."""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0023'
branch_labels = None
depends_on = None

ADDS_UP = """
CREATE FUNCTION payouts_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT operation INTO wrong FROM added GROUP BY operation, currency HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% does not add up to nothing', wrong;
    END IF;
    RETURN NULL;
END $$
"""
PROOF = """
CREATE TRIGGER adds_up AFTER INSERT ON payout_entries REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION payouts_add_up()
"""


def upgrade() -> None:
    op.create_table('commission_rules',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('vendor_id', sa.UUID(), nullable=True, comment='null: of whatever vendor'),
    sa.Column('category_id', sa.UUID(), nullable=True, comment='with all that stands in it; null: of whatever category'),
    sa.Column('currency', sa.String(length=3), nullable=True, comment='null: in whatever currency'),
    sa.Column('ppm', sa.Integer(), nullable=False, comment='of what the goods cost without tax'),
    sa.Column('fixed', sa.BigInteger(), server_default='0', nullable=False, comment='besides, a position'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('fixed = 0 OR currency IS NOT NULL', name=op.f('ck_commission_rules_fixed_in_a_currency')),
    sa.CheckConstraint('ppm BETWEEN 0 AND 1000000 AND fixed >= 0', name=op.f('ck_commission_rules_keeps_a_part')),
    sa.ForeignKeyConstraint(['category_id'], ['categories.id'], name=op.f('fk_commission_rules_category_id_categories')),
    sa.ForeignKeyConstraint(['vendor_id'], ['vendors.id'], name=op.f('fk_commission_rules_vendor_id_vendors')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_commission_rules')),
    sa.UniqueConstraint('vendor_id', 'category_id', 'currency', name=op.f('uq_commission_rules_vendor_id_category_id_currency'), postgresql_nulls_not_distinct=True)
    )
    op.create_index(op.f('ix_commission_rules_category_id'), 'commission_rules', ['category_id'], unique=False)
    op.create_table('line_terms',
    sa.Column('order_line_id', sa.UUID(), nullable=False, comment='an edit can take the position away'),
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('vendor_id', sa.UUID(), nullable=True, comment='who sold it; null: the shop itself'),
    sa.Column('ppm', sa.Integer(), nullable=False, comment="of what its goods cost, the shop's"),
    sa.Column('fixed', sa.BigInteger(), nullable=False, comment='besides'),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_line_terms_order_id_orders')),
    sa.ForeignKeyConstraint(['vendor_id'], ['vendors.id'], name=op.f('fk_line_terms_vendor_id_vendors')),
    sa.PrimaryKeyConstraint('order_line_id', name=op.f('pk_line_terms'))
    )
    op.create_index(op.f('ix_line_terms_order_id'), 'line_terms', ['order_id'], unique=False)
    op.create_table('payouts',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('vendor_id', sa.UUID(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('day', sa.Date(), nullable=False, comment='a vendor is paid out once a day and currency'),
    sa.Column('destination', sa.Text(), nullable=False, comment="the vendor's account at the provider"),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=True, comment="the provider's id of the transfer"),
    sa.Column('error', sa.Text(), nullable=True, comment='why it failed'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(status = 'open') = (settled_at IS NULL)", name=op.f('ck_payouts_settled_when_over')),
    sa.CheckConstraint("status IN ('open', 'paid', 'failed')", name=op.f('ck_payouts_status_known')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_payouts_amount_positive')),
    sa.ForeignKeyConstraint(['vendor_id'], ['vendors.id'], name=op.f('fk_payouts_vendor_id_vendors')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payouts')),
    sa.UniqueConstraint('reference', name=op.f('uq_payouts_reference')),
    sa.UniqueConstraint('vendor_id', 'currency', 'day', name=op.f('uq_payouts_vendor_id_currency_day'))
    )
    op.create_index('ix_payouts_newest', 'payouts', ['vendor_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_table('vendor_members',
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('vendor_id', sa.UUID(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_vendor_members_user_id_users')),
    sa.ForeignKeyConstraint(['vendor_id'], ['vendors.id'], name=op.f('fk_vendor_members_vendor_id_vendors')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_vendor_members'))
    )
    op.create_index(op.f('ix_vendor_members_vendor_id'), 'vendor_members', ['vendor_id'], unique=False)
    op.create_table('vendor_parts',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('vendor_id', sa.UUID(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('goods', sa.BigInteger(), nullable=False, comment='what the buyer pays for them, discount and tax taken off'),
    sa.Column('tax', sa.BigInteger(), nullable=False, comment="the shop's, which owes it"),
    sa.Column('commission', sa.BigInteger(), nullable=False, comment="of the goods, the shop's"),
    sa.Column('share', sa.BigInteger(), nullable=False, comment="of the goods, the vendor's"),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('goods = commission + share AND commission >= 0 AND share >= 0', name=op.f('ck_vendor_parts_adds_up')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_vendor_parts_order_id_orders')),
    sa.ForeignKeyConstraint(['vendor_id'], ['vendors.id'], name=op.f('fk_vendor_parts_vendor_id_vendors')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vendor_parts')),
    sa.UniqueConstraint('order_id', 'vendor_id', name=op.f('uq_vendor_parts_order_id_vendor_id'))
    )
    op.create_index('ix_vendor_parts_newest', 'vendor_parts', ['vendor_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_table('payout_entries',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False, comment='`order/<order>/<n>`, `payout/<id>`: adds up to 0'),
    sa.Column('account', sa.Text(), nullable=False),
    sa.Column('vendor_id', sa.UUID(), nullable=True, comment="whose; null: the shop's"),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='positive: the account gains'),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=True),
    sa.Column('payout_id', sa.UUID(), nullable=True),
    sa.Column('cause', sa.Text(), nullable=False, comment='what brought it about'),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("(account IN ('commission', 'vendor', 'paid')) = (vendor_id IS NOT NULL)", name=op.f('ck_payout_entries_is_somebody_s')),
    sa.CheckConstraint("account IN ('captured', 'refunded', 'disputed', 'shop', 'commission', 'vendor', 'paid')", name=op.f('ck_payout_entries_account_known')),
    sa.CheckConstraint('amount <> 0', name=op.f('ck_payout_entries_says_something')),
    sa.CheckConstraint('num_nonnulls(order_id, payout_id) = 1', name=op.f('ck_payout_entries_of_an_order_or_a_payout')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_payout_entries_order_id_orders')),
    sa.ForeignKeyConstraint(['payout_id'], ['payouts.id'], name=op.f('fk_payout_entries_payout_id_payouts')),
    sa.ForeignKeyConstraint(['vendor_id'], ['vendors.id'], name=op.f('fk_payout_entries_vendor_id_vendors')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payout_entries')),
    sa.UniqueConstraint('operation', 'account', 'vendor_id', name=op.f('uq_payout_entries_operation_account_vendor_id'), postgresql_nulls_not_distinct=True)
    )
    op.create_index(op.f('ix_payout_entries_order_id'), 'payout_entries', ['order_id'], unique=False)
    op.create_index(op.f('ix_payout_entries_payout_id'), 'payout_entries', ['payout_id'], unique=False)
    op.create_index('ix_payout_entries_vendor', 'payout_entries', ['vendor_id', 'currency', 'id'], unique=False, postgresql_where=sa.text("account IN ('vendor', 'paid')"))
    op.add_column('vendors', sa.Column('payout_account', sa.Text(), nullable=True, comment='where it is paid out to: acct_…; null: nowhere yet'))
    op.create_unique_constraint(op.f('uq_vendors_payout_account'), 'vendors', ['payout_account'])
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payout_entries FOR EACH ROW EXECUTE FUNCTION refuse_edit()")
    op.execute("CREATE TRIGGER never_emptied BEFORE TRUNCATE ON payout_entries EXECUTE FUNCTION refuse_edit()")
    op.execute(ADDS_UP)
    op.execute(PROOF)


def downgrade() -> None:
    op.drop_constraint(op.f('uq_vendors_payout_account'), 'vendors', type_='unique')
    op.drop_column('vendors', 'payout_account')
    op.drop_index('ix_payout_entries_vendor', table_name='payout_entries', postgresql_where=sa.text("account IN ('vendor', 'paid')"))
    op.drop_index(op.f('ix_payout_entries_payout_id'), table_name='payout_entries')
    op.drop_index(op.f('ix_payout_entries_order_id'), table_name='payout_entries')
    op.drop_table('payout_entries')
    op.execute("DROP FUNCTION payouts_add_up()")
    op.drop_index('ix_vendor_parts_newest', table_name='vendor_parts')
    op.drop_table('vendor_parts')
    op.drop_index(op.f('ix_vendor_members_vendor_id'), table_name='vendor_members')
    op.drop_table('vendor_members')
    op.drop_index('ix_payouts_newest', table_name='payouts')
    op.drop_table('payouts')
    op.drop_index(op.f('ix_line_terms_order_id'), table_name='line_terms')
    op.drop_table('line_terms')
    op.drop_index(op.f('ix_commission_rules_category_id'), table_name='commission_rules')
    op.drop_table('commission_rules')

"""Accounts, sessions and what belongs to them; coupons and credit; the log of what staff changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

LEDGERS = ("credit_entries", "audit_log", "audit_readings")

GIFT_CARDS_OF_CART = """
BEGIN
    RETURN (
        SELECT jsonb_agg(
            jsonb_build_object(
                'id', a.id, 'last4', a.last4, 'expired', coalesce(a.expires_at <= now(), false),
                'balance', jsonb_build_object('amount', a.balance, 'currency', a.currency)
            ) ORDER BY g.added_at, a.id
        )
        FROM cart_gift_cards g JOIN credit_accounts a ON a.id = g.account_id
        WHERE g.cart_id = $1 AND a.archived_at IS NULL
    );
END
"""

COUPONS_OF_CART = """
BEGIN
    RETURN (
        SELECT jsonb_agg(
            jsonb_build_object(
                'id', k.id, 'code', k.code, 'description', k.description, 'ppm', k.ppm, 'amounts', k.amounts,
                'min_subtotals', k.min_subtotals, 'starts_at', k.starts_at, 'ends_at', k.ends_at,
                'max_redemptions', k.max_redemptions, 'redeemed', k.redeemed, 'max_per_buyer', k.max_per_buyer,
                'first_order_only', k.first_order_only, 'stackable', k.stackable,
                'archived', k.archived_at IS NOT NULL,
                'goods', CASE WHEN cardinality(k.product_ids) + cardinality(k.category_ids) > 0 THEN (
                    SELECT coalesce(jsonb_agg(i.variant_id), '[]')
                    FROM cart_items i
                    JOIN variants v ON v.id = i.variant_id
                    JOIN products p ON p.id = v.product_id
                    WHERE i.cart_id = $1 AND (p.id = ANY (k.product_ids) OR p.category_id IN (
                        WITH RECURSIVE below AS (
                            SELECT unnest(k.category_ids) AS id
                            UNION
                            SELECT child.id FROM categories child JOIN below ON child.parent_id = below.id
                        ) SELECT id FROM below
                    ))
                ) END,
                'used_by_buyer', CASE WHEN k.max_per_buyer IS NULL OR u.id IS NULL THEN 0 ELSE (
                    SELECT count(*) FROM coupon_redemptions r
                    WHERE r.coupon_id = k.id AND r.status <> 'released'
                      AND (r.user_id = u.id OR r.email = lower(u.email))
                ) END,
                'ordered_before', k.first_order_only AND u.id IS NOT NULL AND EXISTS (
                    SELECT FROM orders o
                    WHERE o.status <> 'cancelled' AND (o.customer_id = u.id OR lower(o.email) = lower(u.email))
                )
            ) ORDER BY x.added_at, x.coupon_id
        )
        FROM cart_coupons x
        JOIN carts c ON c.id = x.cart_id
        JOIN coupons k ON k.id = x.coupon_id
        LEFT JOIN users u ON u.id = c.user_id
        WHERE x.cart_id = $1
    );
END
"""


def upgrade() -> None:
    op.create_table('audit_log',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('actor_id', sa.UUID(), nullable=True, comment='null: a command at the server itself'),
    sa.Column('roles', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False, comment='what they had then'),
    sa.Column('action', sa.Text(), nullable=False, comment='`coupon.create`, `user.archive` …'),
    sa.Column('subject', sa.Text(), nullable=False, comment='what was changed, by the name staff know it by'),
    sa.Column('before', postgresql.JSONB(), nullable=True, comment='the fields that changed; null: it is new'),
    sa.Column('after', postgresql.JSONB(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('request_id', sa.Text(), nullable=True),
    sa.Column('address', sa.Text(), nullable=True, comment='where it was asked from: the network of an IPv6 address; null: nobody knows'),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False, comment='while the change holds its locks: changes of one thing stand in their order'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_log'))
    )
    op.create_index('ix_audit_log_newest', 'audit_log', [sa.literal_column('at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('ix_audit_log_subject', 'audit_log', ['subject'], unique=False)
    op.create_table('audit_readings',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('actor_id', sa.UUID(), nullable=False),
    sa.Column('roles', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False, comment='what they had then'),
    sa.Column('action', sa.Text(), nullable=False, comment='`order.read`, `payload.read` …'),
    sa.Column('subject', sa.Text(), nullable=False, comment='what was read, by the name staff know it by; `list`: a page of several'),
    sa.Column('shown', sa.Text(), nullable=True, comment='what the reader might see of it'),
    sa.Column('request_id', sa.Text(), nullable=True),
    sa.Column('address', sa.Text(), nullable=True, comment='where it was asked from: the network of an IPv6 address'),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False, comment='the first time within its hour'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_readings'))
    )
    op.create_index('ix_audit_readings_newest', 'audit_readings', [sa.literal_column('at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('ix_audit_readings_subject', 'audit_readings', ['subject'], unique=False)
    op.create_index('uq_audit_readings_hour', 'audit_readings', ['actor_id', 'roles', 'action', 'subject', sa.literal_column("coalesce(address, ''::text)"), sa.literal_column("date_trunc('hour'::text, (at AT TIME ZONE 'UTC'::text))")], unique=True)
    op.create_table('coupons',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False, comment='upper case'),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('ppm', sa.Integer(), nullable=True, comment='percentage: parts per million, 100000 is 10 %'),
    sa.Column('amounts', postgresql.JSONB(), nullable=True, comment='fixed: minor units by currency, {"usd": 500}'),
    sa.Column('min_subtotals', postgresql.JSONB(), server_default='{}', nullable=False, comment='minor units by currency'),
    sa.Column('product_ids', postgresql.ARRAY(sa.UUID()), server_default='{}', nullable=False),
    sa.Column('category_ids', postgresql.ARRAY(sa.UUID()), server_default='{}', nullable=False, comment='with everything below them; both lists empty: all goods'),
    sa.Column('starts_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True, comment='not counted in'),
    sa.Column('max_redemptions', sa.Integer(), nullable=True),
    sa.Column('max_per_buyer', sa.Integer(), nullable=True),
    sa.Column('first_order_only', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('stackable', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('redeemed', sa.Integer(), server_default='0', nullable=False, comment='by orders that are not cancelled'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(kind = 'percentage' AND ppm BETWEEN 1 AND 1000000 AND amounts IS NULL) OR (kind = 'fixed' AND amounts IS NOT NULL AND ppm IS NULL)", name=op.f('ck_coupons_kind_has_its_value')),
    sa.CheckConstraint('redeemed >= 0 AND redeemed <= coalesce(max_redemptions, redeemed)', name=op.f('ck_coupons_never_overused')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_coupons')),
    sa.UniqueConstraint('code', name=op.f('uq_coupons_code'))
    )
    op.create_table('users',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False, comment='as its owner writes it; unique without regard to case'),
    sa.Column('password_hash', sa.Text(), nullable=True, comment='Argon2id with its parameters; null: no password opens it'),
    sa.Column('first_name', sa.Text(), nullable=True),
    sa.Column('last_name', sa.Text(), nullable=True),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('locale', sa.Text(), server_default='en', nullable=False, comment='BCP 47'),
    sa.Column('marketing_consent', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('marketing_consent_at', sa.DateTime(timezone=True), nullable=True, comment='when it was last given or taken back'),
    sa.Column('roles', postgresql.ARRAY(sa.Text()), server_default='{customer}', nullable=False),
    sa.Column('provider_customer', sa.Text(), nullable=True, comment="the payment provider's id of this buyer: cus_…"),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_login_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True, comment='set: closed, nobody can sign in'),
    sa.Column('erasure_asked_at', sa.DateTime(timezone=True), nullable=True, comment='set: its owner wants to be forgotten, and the account never opens again'),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True, comment='set: what could be forgotten is forgotten'),
    sa.CheckConstraint("roles <@ ARRAY['customer', 'vendor', 'support', 'catalog', 'finance', 'admin']::text[]", name=op.f('ck_users_roles_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('provider_customer', name=op.f('uq_users_provider_customer'))
    )
    op.create_index('ix_users_newest', 'users', [sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('uq_users_email', 'users', [sa.literal_column('lower(email)')], unique=True)
    op.create_table('addresses',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('full_name', sa.Text(), nullable=False),
    sa.Column('line1', sa.Text(), nullable=False),
    sa.Column('line2', sa.Text(), nullable=True),
    sa.Column('city', sa.Text(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('postal_code', sa.Text(), nullable=False),
    sa.Column('country', sa.String(length=2), nullable=False, comment='ISO 3166-1 alpha-2'),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('is_default', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("kind IN ('shipping', 'billing')", name=op.f('ck_addresses_kind_known')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_addresses_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_addresses'))
    )
    op.create_index(op.f('ix_addresses_user_id'), 'addresses', ['user_id'], unique=False)
    op.create_index('uq_addresses_default', 'addresses', ['user_id', 'kind'], unique=True, postgresql_where=sa.text('is_default'))
    op.create_table('coupon_redemptions',
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('coupon_id', sa.UUID(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('user_id', sa.UUID(), nullable=True),
    sa.Column('email', sa.Text(), nullable=True, comment='lower case; null once its owner was forgotten'),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("status IN ('held', 'committed', 'released')", name=op.f('ck_coupon_redemptions_status_known')),
    sa.ForeignKeyConstraint(['coupon_id'], ['coupons.id'], name=op.f('fk_coupon_redemptions_coupon_id_coupons')),
    sa.PrimaryKeyConstraint('order_id', 'coupon_id', name=op.f('pk_coupon_redemptions'))
    )
    op.create_index('ix_coupon_redemptions_email', 'coupon_redemptions', ['coupon_id', 'email'], unique=False)
    op.create_index(op.f('ix_coupon_redemptions_user_id'), 'coupon_redemptions', ['user_id'], unique=False)
    op.create_table('credit_accounts',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('user_id', sa.UUID(), nullable=True, comment="whose store credit; null: a bearer's gift card"),
    sa.Column('code_key', sa.Text(), nullable=True, comment="keyed hash of a gift card's code"),
    sa.Column('last4', sa.String(length=4), nullable=True, comment="of a gift card's code"),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('balance', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(kind = 'gift_card' AND user_id IS NULL AND code_key IS NOT NULL) OR (kind = 'store_credit' AND user_id IS NOT NULL AND code_key IS NULL)", name=op.f('ck_credit_accounts_kind_has_its_owner')),
    sa.CheckConstraint('balance >= 0', name=op.f('ck_credit_accounts_never_overspent')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_credit_accounts_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_accounts')),
    sa.UniqueConstraint('code_key', name=op.f('uq_credit_accounts_code_key'))
    )
    op.create_index('uq_credit_accounts_store_credit', 'credit_accounts', ['user_id', 'currency'], unique=True, postgresql_where=sa.text("kind = 'store_credit'"))
    op.create_table('notifications',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False, comment='`order_confirmed/<order>`: told once'),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('order_number', sa.Text(), nullable=True),
    sa.Column('facts', postgresql.JSONB(), server_default='{}', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notifications_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notifications')),
    sa.UniqueConstraint('cause', name=op.f('uq_notifications_cause'))
    )
    op.create_index('ix_notifications_newest', 'notifications', ['user_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('ix_notifications_unread', 'notifications', ['user_id'], unique=False, postgresql_where=sa.text('read_at IS NULL'))
    op.create_table('password_resets',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('email_key', sa.Text(), nullable=False, comment='keyed hash of the address in lower case'),
    sa.Column('user_id', sa.UUID(), nullable=True, comment='null: no such account'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment="the code's, wherever its letter is"),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('verified_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('asked', sa.Integer(), server_default='1', nullable=False, comment='times since `asked_since`'),
    sa.Column('asked_since', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='an hour begins with its first asking'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_password_resets_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_password_resets')),
    sa.UniqueConstraint('email_key', name=op.f('uq_password_resets_email_key'))
    )
    op.create_table('payment_methods',
    sa.Column('reference', sa.Text(), nullable=False, comment="the provider's id: pm_…"),
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('brand', sa.Text(), nullable=False),
    sa.Column('last4', sa.String(length=4), nullable=False),
    sa.Column('exp_month', sa.Integer(), nullable=False),
    sa.Column('exp_year', sa.Integer(), nullable=False),
    sa.Column('is_default', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True, comment='set: its owner does not want it kept'),
    sa.CheckConstraint('NOT (is_default AND removed_at IS NOT NULL)', name=op.f('ck_payment_methods_default_is_kept')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_payment_methods_user_id_users')),
    sa.PrimaryKeyConstraint('reference', name=op.f('pk_payment_methods'))
    )
    op.create_index(op.f('ix_payment_methods_user_id'), 'payment_methods', ['user_id'], unique=False)
    op.create_index('uq_payment_methods_default', 'payment_methods', ['user_id'], unique=True, postgresql_where=sa.text('is_default'))
    op.create_table('sessions',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('generation', sa.Integer(), server_default='1', nullable=False, comment='number of the one refresh token that is good; an older one that comes back was stolen'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_used_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_for', sa.Text(), nullable=True),
    sa.Column('user_agent', sa.Text(), nullable=True),
    sa.CheckConstraint("revoked_for IN ('logout', 'token_reused', 'password_changed', 'crowded_out', 'closed', 'by_staff', 'erased')", name=op.f('ck_sessions_revoked_for_known')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sessions_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sessions'))
    )
    op.create_index(op.f('ix_sessions_user_id'), 'sessions', ['user_id'], unique=False)
    op.create_table('cart_coupons',
    sa.Column('cart_id', sa.UUID(), nullable=False),
    sa.Column('coupon_id', sa.UUID(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['cart_id'], ['carts.id'], name=op.f('fk_cart_coupons_cart_id_carts')),
    sa.ForeignKeyConstraint(['coupon_id'], ['coupons.id'], name=op.f('fk_cart_coupons_coupon_id_coupons')),
    sa.PrimaryKeyConstraint('cart_id', 'coupon_id', name=op.f('pk_cart_coupons'))
    )
    op.create_table('cart_gift_cards',
    sa.Column('cart_id', sa.UUID(), nullable=False),
    sa.Column('account_id', sa.UUID(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['credit_accounts.id'], name=op.f('fk_cart_gift_cards_account_id_credit_accounts')),
    sa.ForeignKeyConstraint(['cart_id'], ['carts.id'], name=op.f('fk_cart_gift_cards_cart_id_carts')),
    sa.PrimaryKeyConstraint('cart_id', 'account_id', name=op.f('pk_cart_gift_cards'))
    )
    op.create_table('credit_entries',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('account_id', sa.UUID(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False, comment='`hold/<order>`: one fact, booked once an account'),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='positive: the balance gains'),
    sa.Column('order_id', sa.UUID(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['credit_accounts.id'], name=op.f('fk_credit_entries_account_id_credit_accounts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_entries')),
    sa.UniqueConstraint('account_id', 'operation', name=op.f('uq_credit_entries_account_id_operation'))
    )
    op.create_index(op.f('ix_credit_entries_order_id'), 'credit_entries', ['order_id'], unique=False)
    op.create_table('credit_holds',
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('account_id', sa.UUID(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.CheckConstraint("status IN ('held', 'committed', 'released')", name=op.f('ck_credit_holds_status_known')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_credit_holds_amount_positive')),
    sa.ForeignKeyConstraint(['account_id'], ['credit_accounts.id'], name=op.f('fk_credit_holds_account_id_credit_accounts')),
    sa.PrimaryKeyConstraint('order_id', 'account_id', name=op.f('pk_credit_holds'))
    )
    op.create_table('wishlist_items',
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_wishlist_items_product_id_products')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_wishlist_items_user_id_users')),
    sa.PrimaryKeyConstraint('user_id', 'product_id', name=op.f('pk_wishlist_items'))
    )
    op.add_column('carts', sa.Column('user_id', sa.UUID(), nullable=True, comment='whose cart; null: whoever holds its token'))
    op.add_column('carts', sa.Column('reminded_at', sa.DateTime(timezone=True), nullable=True, comment='when its owner was last reminded of it'))
    op.alter_column('carts', 'updated_at',
               existing_type=postgresql.TIMESTAMP(timezone=True),
               comment='of its content: lines, coupons, gift cards',
               existing_nullable=False,
               existing_server_default=sa.text('now()'))
    op.create_index('ix_carts_updated_at', 'carts', ['updated_at'], unique=False, postgresql_using='brin')
    op.create_unique_constraint(op.f('uq_carts_user_id'), 'carts', ['user_id'])
    op.create_foreign_key(op.f('fk_carts_user_id_users'), 'carts', 'users', ['user_id'], ['id'])
    op.add_column('order_lines', sa.Column('discount', sa.BigInteger(), server_default='0', nullable=False))
    op.alter_column('order_lines', 'line_total',
               existing_type=sa.BIGINT(),
               comment='before the discount',
               existing_nullable=False)
    op.add_column('orders', sa.Column('credit', sa.BigInteger(), server_default='0', nullable=False, comment='of the total, paid by gift cards and store credit'))
    op.add_column('orders', sa.Column('coupons', postgresql.JSONB(), server_default='[]', nullable=False, comment='[{"code": "SAVE10", "discount": 500}]'))
    op.alter_column('orders', 'customer_id',
               existing_type=sa.UUID(),
               comment='the account that bought; null: a guest',
               existing_nullable=True)
    op.create_index('ix_orders_email', 'orders', [sa.literal_column('lower(email)')], unique=False)
    op.create_index('ix_orders_customer', 'orders', ['customer_id', sa.literal_column('placed_at DESC'), sa.literal_column('id DESC')], unique=False, postgresql_where=sa.text('customer_id IS NOT NULL'))
    op.alter_column('idempotent_requests', 'scope', existing_type=sa.Text(), type_=sa.Text(collation='C'), existing_nullable=False)
    op.add_column('outbox', sa.Column('user_id', sa.UUID(), nullable=True, comment='a letter to an account; null: about an order'))
    op.create_index('ix_outbox_user', 'outbox', ['user_id'], unique=False, postgresql_where=sa.text('user_id IS NOT NULL'))
    op.add_column('webhook_events', sa.Column('customer', sa.Text(), nullable=True, comment="the provider's id of the buyer it is about: cus_…"))
    op.alter_column('webhook_events', 'body', existing_type=sa.Text(), comment='as received, byte for byte; empty: who it named is forgotten', existing_comment='as received, byte for byte', existing_nullable=False)
    op.create_index('ix_webhook_events_workflow_id', 'webhook_events', ['workflow_id'], unique=False, postgresql_where=sa.text('workflow_id IS NOT NULL'), postgresql_ops={'workflow_id': 'text_pattern_ops'})
    op.create_index('ix_webhook_events_received_at', 'webhook_events', ['received_at'], unique=False, postgresql_using='brin')
    op.create_index('ix_webhook_events_customer', 'webhook_events', ['customer'], unique=False, postgresql_where=sa.text('customer IS NOT NULL'))
    for tariff in ('shipping_methods', 'shipping_zones', 'tax_rates'):
        op.add_column(tariff, sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))
    op.add_column('tax_rates', sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f('uq_tax_rates_country_region_category'), 'tax_rates', type_='unique')
    op.create_index('uq_tax_rates_applies', 'tax_rates', ['country', 'region', 'category'], unique=True, postgresql_nulls_not_distinct=True, postgresql_where=sa.text('archived_at IS NULL'))
    op.create_check_constraint(op.f('ck_order_lines_discount_within_line'), 'order_lines', 'discount BETWEEN 0 AND line_total')
    op.create_check_constraint(op.f('ck_orders_credit_within_total'), 'orders', 'credit BETWEEN 0 AND total')
    op.execute(
        f"CREATE FUNCTION coupons_of_cart(uuid) RETURNS jsonb STABLE LANGUAGE plpgsql AS $${COUPONS_OF_CART}$$"
    )
    op.execute(
        f"CREATE FUNCTION gift_cards_of_cart(uuid) RETURNS jsonb STABLE LANGUAGE plpgsql AS $${GIFT_CARDS_OF_CART}$$"
    )
    for ledger in LEDGERS:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {ledger} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_edit()"
        )
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {ledger} EXECUTE FUNCTION refuse_edit()")


def downgrade() -> None:
    op.execute("DROP FUNCTION gift_cards_of_cart(uuid)")
    op.execute("DROP FUNCTION coupons_of_cart(uuid)")
    op.drop_index('uq_tax_rates_applies', table_name='tax_rates', postgresql_nulls_not_distinct=True, postgresql_where=sa.text('archived_at IS NULL'))
    op.create_unique_constraint(op.f('uq_tax_rates_country_region_category'), 'tax_rates', ['country', 'region', 'category'], postgresql_nulls_not_distinct=True)
    op.drop_column('tax_rates', 'archived_at')
    for tariff in ('shipping_methods', 'shipping_zones', 'tax_rates'):
        op.drop_column(tariff, 'created_at')
    op.drop_index('ix_webhook_events_received_at', table_name='webhook_events', postgresql_using='brin')
    op.drop_index('ix_webhook_events_customer', table_name='webhook_events')
    op.drop_index('ix_webhook_events_workflow_id', table_name='webhook_events')
    op.alter_column('webhook_events', 'body', existing_type=sa.Text(), comment='as received, byte for byte', existing_comment='as received, byte for byte; empty: who it named is forgotten', existing_nullable=False)
    op.drop_column('webhook_events', 'customer')
    op.drop_index('ix_outbox_user', table_name='outbox')
    op.drop_column('outbox', 'user_id')
    op.alter_column('idempotent_requests', 'scope', existing_type=sa.Text(collation='C'), type_=sa.Text(), existing_nullable=False)
    op.drop_index('ix_orders_email', table_name='orders')
    op.drop_index('ix_orders_customer', table_name='orders', postgresql_where=sa.text('customer_id IS NOT NULL'))
    op.alter_column('orders', 'customer_id',
               existing_type=sa.UUID(),
               comment=None,
               existing_comment='the account that bought; null: a guest',
               existing_nullable=True)
    op.drop_column('orders', 'coupons')
    op.drop_column('orders', 'credit')
    op.alter_column('order_lines', 'line_total',
               existing_type=sa.BIGINT(),
               comment=None,
               existing_comment='before the discount',
               existing_nullable=False)
    op.drop_column('order_lines', 'discount')
    op.drop_constraint(op.f('fk_carts_user_id_users'), 'carts', type_='foreignkey')
    op.drop_index('ix_carts_updated_at', table_name='carts', postgresql_using='brin')
    op.drop_constraint(op.f('uq_carts_user_id'), 'carts', type_='unique')
    op.alter_column('carts', 'updated_at',
               existing_type=postgresql.TIMESTAMP(timezone=True),
               comment=None,
               existing_comment='of its content: lines, coupons, gift cards',
               existing_nullable=False,
               existing_server_default=sa.text('now()'))
    op.drop_column('carts', 'reminded_at')
    op.drop_column('carts', 'user_id')
    op.drop_table('wishlist_items')
    op.drop_table('credit_holds')
    op.drop_index(op.f('ix_credit_entries_order_id'), table_name='credit_entries')
    op.drop_table('credit_entries')
    op.drop_table('cart_gift_cards')
    op.drop_table('cart_coupons')
    op.drop_index(op.f('ix_sessions_user_id'), table_name='sessions')
    op.drop_table('sessions')
    op.drop_index('uq_payment_methods_default', table_name='payment_methods', postgresql_where=sa.text('is_default'))
    op.drop_index(op.f('ix_payment_methods_user_id'), table_name='payment_methods')
    op.drop_table('payment_methods')
    op.drop_table('password_resets')
    op.drop_index('ix_notifications_unread', table_name='notifications', postgresql_where=sa.text('read_at IS NULL'))
    op.drop_index('ix_notifications_newest', table_name='notifications')
    op.drop_table('notifications')
    op.drop_index('uq_credit_accounts_store_credit', table_name='credit_accounts', postgresql_where=sa.text("kind = 'store_credit'"))
    op.drop_table('credit_accounts')
    op.drop_index(op.f('ix_coupon_redemptions_user_id'), table_name='coupon_redemptions')
    op.drop_index('ix_coupon_redemptions_email', table_name='coupon_redemptions')
    op.drop_table('coupon_redemptions')
    op.drop_index('uq_addresses_default', table_name='addresses', postgresql_where=sa.text('is_default'))
    op.drop_index(op.f('ix_addresses_user_id'), table_name='addresses')
    op.drop_table('addresses')
    op.drop_index('ix_users_newest', table_name='users')
    op.drop_index('uq_users_email', table_name='users')
    op.drop_table('users')
    op.drop_table('coupons')
    op.drop_table('audit_readings')
    op.drop_index('ix_audit_log_newest', table_name='audit_log')
    op.drop_index('ix_audit_log_subject', table_name='audit_log')
    op.drop_table('audit_log')

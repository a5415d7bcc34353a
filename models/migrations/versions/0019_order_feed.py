"""How far each follower of all orders has come; receivers outside, and what is to be told to each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('order_readers',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('id', sa.UUID(), server_default='00000000-0000-0000-0000-000000000000', nullable=False, comment='of the last event that was taken'),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_order_readers'))
    )
    op.execute("ALTER TABLE order_readers ADD COLUMN xid xid8 NOT NULL DEFAULT '0'")
    op.execute("COMMENT ON COLUMN order_readers.xid IS 'of the transaction that wrote it'")
    op.create_table('webhook_endpoints',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=True),
    sa.Column('topics', postgresql.JSONB(), nullable=False, comment='["order.shipped"], or ["*"]'),
    sa.Column('status', sa.Text(), server_default='active', nullable=False),
    sa.Column('secret_n', sa.Integer(), server_default='1', nullable=False, comment="number of its secret, which follows from the shop's key"),
    sa.Column('previous_until', sa.DateTime(timezone=True), nullable=True, comment='until then the one before is signed with, too'),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False, comment='in a row'),
    sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('warned_at', sa.DateTime(timezone=True), nullable=True, comment='staff were written to that it fails'),
    sa.Column('paused_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("status IN ('active', 'paused', 'archived')", name=op.f('ck_webhook_endpoints_status_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_endpoints'))
    )
    op.create_index('ix_webhook_endpoints_newest', 'webhook_endpoints', [sa.text('created_at DESC'), sa.text('id DESC')], unique=False)
    op.create_table('webhook_deliveries',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('endpoint_id', sa.UUID(), nullable=False),
    sa.Column('event_id', sa.UUID(), nullable=False, comment="of the order's timeline; the `webhook-id`"),
    sa.Column('order_id', sa.UUID(), nullable=True),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False, comment='of the event'),
    sa.Column('status', sa.Text(), server_default='waiting', nullable=False),
    sa.Column('body', sa.Text(), nullable=True, comment='as it is sent, byte for byte; null: it is written with the first try'),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False, comment='the last try is then'),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True, comment='somebody sends it now, or has died over it by then'),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('response_status', sa.Integer(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True, comment='why the last try failed'),
    sa.Column('excerpt', sa.Text(), nullable=True, comment="how the last answer's body begins"),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('waiting', 'delivered', 'dead', 'withdrawn')", name=op.f('ck_webhook_deliveries_status_known')),
    sa.ForeignKeyConstraint(['endpoint_id'], ['webhook_endpoints.id'], name=op.f('fk_webhook_deliveries_endpoint_id_webhook_endpoints')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_webhook_deliveries_order_id_orders')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_deliveries')),
    sa.UniqueConstraint('endpoint_id', 'event_id', name=op.f('uq_webhook_deliveries_endpoint_id_event_id'))
    )
    op.execute("ALTER TABLE webhook_deliveries ADD COLUMN xid xid8 NOT NULL DEFAULT '0'")
    op.execute("COMMENT ON COLUMN webhook_deliveries.xid IS 'the event''s: its place in the order'")
    op.create_index(op.f('ix_webhook_deliveries_order_id'), 'webhook_deliveries', ['order_id'], unique=False)
    op.create_index('ix_webhook_deliveries_due', 'webhook_deliveries', ['endpoint_id', 'due_at'], unique=False, postgresql_where=sa.text("status = 'waiting'"))
    op.create_index('ix_webhook_deliveries_held_back', 'webhook_deliveries', ['endpoint_id', 'order_id'], unique=False, postgresql_where=sa.text("status = 'waiting'"))
    op.create_index('ix_webhook_deliveries_newest', 'webhook_deliveries', ['endpoint_id', sa.text('created_at DESC'), sa.text('id DESC')], unique=False)
    op.create_index('ix_webhook_deliveries_settled_at', 'webhook_deliveries', ['settled_at'], unique=False, postgresql_where=sa.text('settled_at IS NOT NULL'))


def downgrade() -> None:
    op.drop_table('webhook_deliveries')
    op.drop_table('webhook_endpoints')
    op.drop_table('order_readers')

"""Reports: made by workflows, kept with their files; and the ways to what happened on a day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0026'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('reports',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False, comment="of the shop's own, in its time zone"),
    sa.Column('revision', sa.Integer(), nullable=False, comment='1, or how often it was made anew'),
    sa.Column('timezone', sa.Text(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False, comment='the first moment that is no longer of it'),
    sa.Column('figures', postgresql.JSONB(), nullable=False, comment='what tells most of it'),
    sa.Column('tables', postgresql.JSONB(), nullable=False, comment='names of its tables'),
    sa.Column('made_by', sa.Text(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('daily_sales', 'stock_and_reorder', 'payments_reconciliation', 'attention_digest')", name=op.f('ck_reports_kind_known')),
    sa.CheckConstraint('revision > 0 AND starts_at < ends_at', name=op.f('ck_reports_of_some_time')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reports')),
    sa.UniqueConstraint('kind', 'day', 'revision', name=op.f('uq_reports_kind_day_revision'))
    )
    op.create_index('ix_reports_newest', 'reports', [sa.text('made_at DESC'), sa.text('id DESC')], unique=False)
    op.create_table('report_files',
    sa.Column('report_id', sa.UUID(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False, comment='`json`, `xlsx`, or `csv/` and the name of a table'),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id'], name=op.f('fk_report_files_report_id_reports')),
    sa.PrimaryKeyConstraint('report_id', 'name', name=op.f('pk_report_files'))
    )
    op.create_table('report_subscribers',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("kind IN ('daily_sales', 'stock_and_reorder', 'payments_reconciliation', 'attention_digest')", name=op.f('ck_report_subscribers_kind_known')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_report_subscribers_user_id_users')),
    sa.PrimaryKeyConstraint('kind', 'user_id', name=op.f('pk_report_subscribers'))
    )
    op.create_index('ix_report_subscribers_user_id', 'report_subscribers', ['user_id'], unique=False)
    op.create_index('ix_order_events_sold', 'order_events', ['at'], unique=False, postgresql_where=sa.text("key IN ('confirmed', 'cancelled', 'rest_cancelled')"))
    op.create_index('ix_money_entries_refunds', 'money_entries', ['at'], unique=False, postgresql_where=sa.text("account = 'sales' AND operation LIKE 'refund%'"))
    op.create_index('ix_order_edits_made', 'order_edits', ['settled_at'], unique=False, postgresql_where=sa.text("status = 'committed'"))


def downgrade() -> None:
    op.drop_index('ix_order_edits_made', table_name='order_edits', postgresql_where=sa.text("status = 'committed'"))
    op.drop_index('ix_money_entries_refunds', table_name='money_entries', postgresql_where=sa.text("account = 'sales' AND operation LIKE 'refund%'"))
    op.drop_index('ix_order_events_sold', table_name='order_events', postgresql_where=sa.text("key IN ('confirmed', 'cancelled', 'rest_cancelled')"))
    op.drop_table('report_subscribers')
    op.drop_table('report_files')
    op.drop_table('reports')

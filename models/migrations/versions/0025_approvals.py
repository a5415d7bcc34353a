"""Two people for much money: questions to a second one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0025'
down_revision = '0026'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('approvals',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False, comment="an order's number, an account's id, `gift-cards`"),
    sa.Column('order_id', sa.UUID(), nullable=True),
    sa.Column('key', sa.Text(), nullable=True, comment='names the request of whoever asks; null: it has no name'),
    sa.Column('digest', sa.Text(), nullable=False, comment='of the request: another one under its key was not meant'),
    sa.Column('wish', postgresql.JSONB(), nullable=False, comment='the request, word for word'),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='how much money it is about'),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('asked_by', sa.UUID(), nullable=False, comment='who of staff'),
    sa.Column('asked_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='until then somebody else can say yes; a pending one is expired then'),
    sa.Column('decided_by', sa.UUID(), nullable=True, comment='who of staff'),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decision', sa.Text(), nullable=True, comment='why they said yes, or no'),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True, comment='done, or refused after all'),
    sa.Column('error', sa.Text(), nullable=True, comment='why it could not be done'),
    sa.CheckConstraint("action IN ('accept_shortage', 'cancel', 'capture', 'edit', 'refund', 'return', 'store_credit', 'gift_card')", name=op.f('ck_approvals_action_known')),
    sa.CheckConstraint("status IN ('pending', 'approved', 'done', 'refused', 'rejected', 'expired')", name=op.f('ck_approvals_status_known')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_approvals_amount_positive')),
    sa.CheckConstraint("status IN ('pending', 'rejected', 'expired') OR decided_by <> asked_by", name=op.f('ck_approvals_two_people')),
    sa.CheckConstraint("(status IN ('pending', 'expired')) = (decided_by IS NULL)", name=op.f('ck_approvals_decided_by_somebody')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_approvals_order_id_orders')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approvals')),
    sa.UniqueConstraint('asked_by', 'action', 'subject', 'key', name=op.f('uq_approvals_asked_by_action_subject_key'))
    )
    op.create_index(op.f('ix_approvals_order_id'), 'approvals', ['order_id'], unique=False)
    op.create_index('ix_approvals_newest', 'approvals', [sa.text('asked_at DESC'), sa.text('id DESC')], unique=False)
    op.create_index('ix_approvals_pending', 'approvals', ['subject'], unique=False, postgresql_where=sa.text("status = 'pending'"))


def downgrade() -> None:
    op.drop_table('approvals')

"""Screenings: orders that are held until a person has looked at them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0015'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('screenings',
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('score', sa.Integer(), nullable=False),
    sa.Column('points_allowed', sa.Integer(), nullable=False, comment='from so many on a person looks'),
    sa.Column('signs', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='[{"rule": "disposable_mail", "weight": 40, "why": "…"}]'),
    sa.Column('held_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False, comment='when it ends, if nobody decides'),
    sa.Column('decision', sa.Text(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('actor', sa.Text(), nullable=True, comment='who decided'),
    sa.Column('reason', sa.Text(), nullable=True, comment='in the words of staff'),
    sa.CheckConstraint("decision IN ('approved', 'rejected', 'expired', 'withdrawn')", name=op.f('ck_screenings_decision_known')),
    sa.CheckConstraint('(decision IS NULL) = (decided_at IS NULL)', name=op.f('ck_screenings_decided_once')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_screenings_order_id_orders')),
    sa.PrimaryKeyConstraint('order_id', name=op.f('pk_screenings')),
    comment='orders that were held for a person; how all others were judged stands in `checkouts`'
    )
    op.create_index('ix_screenings_open', 'screenings', ['until'], unique=False, postgresql_where=sa.text('decision IS NULL'))


def downgrade() -> None:
    op.drop_index('ix_screenings_open', table_name='screenings')
    op.drop_table('screenings')

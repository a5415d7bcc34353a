"""What waits for a person: what is asked for, each thing once, and what staff say of it."""

import sqlalchemy as sa
from alembic import op

revision = '0024'
down_revision = '0022'
branch_labels = None
depends_on = None

CARRY_OVER = """
INSERT INTO attentions (id, name, kind, order_id, topic, why, fact)
SELECT uuidv7(), id || '/attention', CASE attention WHEN 'not shipped in time' THEN 'not_shipped' ELSE 'stuck' END, id,
       'attention', attention, attention
FROM orders WHERE attention IS NOT NULL
"""


def upgrade() -> None:
    op.create_table('attentions',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False, comment="order and topic, or the workflow's id"),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('order_id', sa.UUID(), nullable=True),
    sa.Column('topic', sa.Text(), nullable=False, comment='`attention`, `refund/1/attention`, `papers`: who settles it'),
    sa.Column('workflow_id', sa.Text(), nullable=True, comment="who waits; null: the order's owner, or nobody"),
    sa.Column('step', sa.Text(), nullable=True, comment='what could not be done'),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('fact', sa.Text(), nullable=False, comment='what was told last, so that it counts once'),
    sa.Column('times', sa.Integer(), server_default='1', nullable=False, comment='how often it was told'),
    sa.Column('asked_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='the last time'),
    sa.CheckConstraint("kind IN ('undo_failed', 'stuck', 'refund_failed', 'payout_stuck', 'payout_failed', 'dispute', 'case', 'not_shipped', 'promise_passed', 'held', 'return_waiting', 'papers_unwritten', 'letter_unsent', 'template_failing', 'receiver_paused', 'card_kept', 'erasure_stuck', 'approval_waiting', 'not_divided')", name=op.f('ck_attentions_kind_known')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_attentions_order_id_orders')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attentions')),
    sa.UniqueConstraint('name', name=op.f('uq_attentions_name')),
    comment='what people are asked for, and is not settled'
    )
    op.create_index(op.f('ix_attentions_order_id'), 'attentions', ['order_id'], unique=False)
    op.create_table('attention_marks',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False, comment='of the thing: the id is made of it'),
    sa.Column('assigned_to', sa.UUID(), nullable=True, comment='who of staff has taken it'),
    sa.Column('assigned_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('resolved_by', sa.UUID(), nullable=True),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True, comment='why it is resolved'),
    sa.Column('seen', sa.Text(), nullable=True, comment='what was known of it then: with new facts it is back'),
    sa.CheckConstraint('(assigned_to IS NULL) = (assigned_at IS NULL)', name=op.f('ck_attention_marks_assigned_to_somebody')),
    sa.CheckConstraint('(resolved_by IS NULL) = (resolved_at IS NULL) AND (resolved_at IS NULL) = (reason IS NULL) AND (resolved_at IS NULL) = (seen IS NULL)', name=op.f('ck_attention_marks_resolved_by_somebody')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attention_marks')),
    comment='what staff said about things that wait for a person'
    )
    op.execute(CARRY_OVER)


def downgrade() -> None:
    op.drop_table('attention_marks')
    op.drop_table('attentions')

"""Letters at staff's desk: what was refused, and which addresses nobody reads."""

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('mail_bounces',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False, comment='lower case'),
    sa.Column('letter_id', sa.UUID(), nullable=False, comment='the last one that was refused'),
    sa.Column('error', sa.Text(), nullable=False, comment='what the mail server said of it'),
    sa.Column('times', sa.Integer(), server_default='1', nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_bounces')),
    sa.UniqueConstraint('address', name=op.f('uq_mail_bounces_address'))
    )
    op.create_table('mail_templates',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('template', sa.Text(), nullable=False, comment='name of a letter: a file of models/wording/templates/'),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False, comment='counts those of a letter in a language, from 1'),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('html', sa.Text(), nullable=True, comment='null: made of the text'),
    sa.Column('active', sa.Boolean(), nullable=False, comment='letters are made of it; one of a letter in a language'),
    sa.Column('author', sa.UUID(), nullable=False, comment='who of staff wrote it'),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False, comment='letters it could not be used for'),
    sa.Column('failure', sa.Text(), nullable=True, comment='why not, the last time'),
    sa.Column('failed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_templates')),
    sa.UniqueConstraint('template', 'language', 'version', name=op.f('uq_mail_templates_template_language_version'))
    )
    op.create_index('ux_mail_templates_one_active', 'mail_templates', ['template', 'language'], unique=True, postgresql_where=sa.text('active'))
    op.create_index('ix_outbox_order', 'outbox', ['order_id'], unique=False, postgresql_where=sa.text('order_id IS NOT NULL'))
    op.create_index('ix_outbox_errors', 'outbox', ['id'], unique=False, postgresql_where=sa.text('error IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_outbox_errors', table_name='outbox', postgresql_where=sa.text('error IS NOT NULL'))
    op.drop_index('ix_outbox_order', table_name='outbox', postgresql_where=sa.text('order_id IS NOT NULL'))
    op.drop_index('ux_mail_templates_one_active', table_name='mail_templates', postgresql_where=sa.text('active'))
    op.drop_table('mail_templates')
    op.drop_table('mail_bounces')

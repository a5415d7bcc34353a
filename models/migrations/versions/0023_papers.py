"""Papers: invoices and credit notes, numbered without a gap, written once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0023'
down_revision = '0019'
branch_labels = None
depends_on = None

STAY = """
CREATE FUNCTION papers_stay() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may constant text[] := ARRAY['sha256', 'size', 'printed_at', 'buyer'];
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.sha256 IS NOT NULL AND NEW.sha256 IS DISTINCT FROM OLD.sha256
       OR to_jsonb(OLD) - may IS DISTINCT FROM to_jsonb(NEW) - may THEN
        RAISE EXCEPTION 'papers stay as they were issued: write another one';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.create_table('paper_series',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False, comment='the number that was given last'),
    sa.CheckConstraint('last > 0', name=op.f('ck_paper_series_counted_from_one')),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_paper_series'))
    )
    op.create_table('papers',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('series', sa.Text(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False, comment='within the series, from 1, without a gap'),
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False, comment="counts the order's papers of this kind, from 1"),
    sa.Column('invoice_id', sa.UUID(), nullable=True, comment='of a credit note: of which invoice'),
    sa.Column('refund_n', sa.Integer(), nullable=True, comment="of a credit note: the order's refund; 0: what was never taken; null: its invoice is cancelled"),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('net', sa.BigInteger(), nullable=False),
    sa.Column('tax', sa.BigInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('sums', postgresql.JSONB(), nullable=False, comment='rows, and net and tax by rate'),
    sa.Column('locale', sa.Text(), nullable=False, comment='of whom it is for'),
    sa.Column('shop', postgresql.JSONB(), nullable=False, comment='who sold'),
    sa.Column('buyer', postgresql.JSONB(), nullable=False, comment='to whom, and where to; the file keeps it when this is forgotten'),
    sa.Column('paid', postgresql.JSONB(), server_default='[]', nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=True, comment='of its file; null: not printed yet'),
    sa.Column('size', sa.Integer(), nullable=True, comment='of its file, bytes'),
    sa.Column('printed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f('ck_papers_kind_known')),
    sa.CheckConstraint('number > 0 AND n > 0', name=op.f('ck_papers_counted_from_one')),
    sa.CheckConstraint('total = net + tax', name=op.f('ck_papers_total_adds_up')),
    sa.CheckConstraint("(kind = 'credit_note') = (invoice_id IS NOT NULL)", name=op.f('ck_papers_credit_of_an_invoice')),
    sa.CheckConstraint('(sha256 IS NULL) = (printed_at IS NULL)', name=op.f('ck_papers_printed_is_a_file')),
    sa.ForeignKeyConstraint(['invoice_id'], ['papers.id'], name=op.f('fk_papers_invoice_id_papers')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_papers_order_id_orders')),
    sa.ForeignKeyConstraint(['series'], ['paper_series.name'], name=op.f('fk_papers_series_paper_series')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_papers')),
    sa.UniqueConstraint('series', 'number', name=op.f('uq_papers_series_number')),
    sa.UniqueConstraint('order_id', 'kind', 'n', name=op.f('uq_papers_order_id_kind_n')),
    sa.UniqueConstraint('invoice_id', 'refund_n', name=op.f('uq_papers_invoice_id_refund_n'))
    )
    op.create_index(op.f('ix_papers_invoice_id'), 'papers', ['invoice_id'], unique=False)
    op.create_index('ix_papers_to_print', 'papers', ['issued_at', 'id'], unique=False, postgresql_where=sa.text('sha256 IS NULL'))
    op.execute(STAY)
    op.execute("CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON papers FOR EACH ROW EXECUTE FUNCTION papers_stay()")
    op.execute("CREATE TRIGGER never_emptied BEFORE TRUNCATE ON papers EXECUTE FUNCTION papers_stay()")


def downgrade() -> None:
    op.drop_table('papers')
    op.drop_table('paper_series')
    op.execute("DROP FUNCTION papers_stay()")

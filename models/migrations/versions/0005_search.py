"""Search: the index that Postgres keeps, its words, synonyms, and what is searched for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence('search_version')))
    op.create_table('search_documents',
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('product_id', sa.UUID(), nullable=False, comment='no key: the index follows, it holds none'),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('words', postgresql.TSVECTOR(), nullable=False, comment='all of it, beside the row: the index alone reads them'),
    sa.Column('ballast', sa.Text(), nullable=True, comment='blanks, that shrink: of a row below 2 kB Postgres puts nothing beside'),
    sa.Column('head', postgresql.TSVECTOR(), nullable=False, comment='what is said of the name: ranks are made of it'),
    sa.Column('score', sa.REAL(), nullable=False, comment='0 to 1: order among rows that match alike'),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('in_stock', sa.Boolean(), nullable=False),
    sa.Column('on_sale', sa.Boolean(), nullable=False),
    sa.Column('featured', sa.Boolean(), nullable=False),
    sa.Column('rating', sa.Float(), nullable=False),
    sa.Column('popularity', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='of the product'),
    sa.Column('kinds', sa.LargeBinary(), nullable=False, comment='what it is counted and filtered by, packed'),
    sa.Column('digest', sa.Text(), nullable=False, comment='of the document it was made from'),
    sa.PrimaryKeyConstraint('generation', 'product_id', 'currency', name=op.f('pk_search_documents'))
    )
    # Words are long and read by nobody but the index: beside the row, of which a page then holds many; the rest stays.
    op.execute("ALTER TABLE search_documents ALTER COLUMN words SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE search_documents ALTER COLUMN head SET STORAGE MAIN")
    op.execute("ALTER TABLE search_documents ALTER COLUMN kinds SET STORAGE MAIN")
    op.execute("ALTER TABLE search_documents SET (toast_tuple_target = 600)")
    # What is new waits to be sorted in, and every search reads all that waits: 256 kB, not the 4 MB that would be usual.
    op.create_index('ix_search_documents_words', 'search_documents', ['words'], unique=False, postgresql_using='gin', postgresql_with={'gin_pending_list_limit': 256})
    op.create_index('ix_search_documents_score', 'search_documents', ['generation', 'currency', sa.literal_column('score DESC'), sa.literal_column('product_id DESC')], unique=False)
    op.create_table('search_words',
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('word', sa.Text(), nullable=False),
    sa.Column('products', sa.Integer(), nullable=False, comment='in how many it is; 0: in none any more'),
    sa.Column('version', sa.BigInteger(), nullable=False, comment='of `search_version`: what was changed since is above'),
    sa.PrimaryKeyConstraint('generation', 'word', name=op.f('pk_search_words'))
    )
    op.create_index('ix_search_words_version', 'search_words', ['generation', 'version'], unique=False)
    op.create_table('search_generations',
    sa.Column('number', sa.Integer(), sa.Identity(always=True), nullable=False),
    sa.Column('engine', sa.Text(), nullable=False, comment='`postgres` or `meilisearch`'),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('live_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('building', 'live', 'retired')", name=op.f('ck_search_generations_status_known')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_search_generations'))
    )
    op.create_index('uq_search_generations_status', 'search_generations', ['status'], unique=True, postgresql_where=sa.text("status <> 'retired'"))
    op.create_table('search_synonyms',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('terms', postgresql.ARRAY(sa.Text()), nullable=False, comment='each means the same as all others'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_search_synonyms'))
    )
    op.create_table('search_tallies',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('query', sa.Text(), nullable=False, comment='tidied; `…` for what may have told of somebody'),
    sa.Column('searches', sa.Integer(), server_default='0', nullable=False),
    sa.Column('empty', sa.Integer(), server_default='0', nullable=False, comment='of these: found nothing'),
    sa.Column('clicks', sa.Integer(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('day', 'query', name=op.f('pk_search_tallies'))
    )


def downgrade() -> None:
    for table in ('search_tallies', 'search_synonyms', 'search_generations', 'search_words', 'search_documents'):
        op.drop_table(table)
    op.execute(sa.schema.DropSequence(sa.Sequence('search_version')))

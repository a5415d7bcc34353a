"""Imports of products: how far each has come, and what is wrong with its lines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('product_imports',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False, comment='SHA-256 of the file: what makes two requests the same'),
    sa.Column('file', sa.Text(), nullable=False, comment='its name in the storage, until it is over'),
    sa.Column('size', sa.BigInteger(), nullable=False, comment='bytes'),
    sa.Column('dry_run', sa.Boolean(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('columns', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='names in the first line; null: not read yet'),
    sa.Column('delimiter', sa.Text(), server_default=',', nullable=False),
    sa.Column('begin', sa.BigInteger(), server_default='0', nullable=False, comment='bytes of the first line'),
    sa.Column('done', sa.BigInteger(), server_default='0', nullable=False, comment='bytes checked, or imported'),
    sa.Column('next_line', sa.BigInteger(), server_default='1', nullable=False),
    sa.Column('rows', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('problems', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('products_created', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('products_changed', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('variants_created', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('variants_changed', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('checking', 'checked', 'refused', 'importing', 'imported', 'stopped')", name=op.f('ck_product_imports_status_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_product_imports'))
    )
    op.create_index('ix_product_imports_newest', 'product_imports', [sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_table('product_import_problems',
    sa.Column('import_id', sa.UUID(), nullable=False),
    sa.Column('line', sa.BigInteger(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False, comment='among those of the line'),
    sa.Column('column', sa.Text(), nullable=True, comment='null: the row as a whole'),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['product_imports.id'], name=op.f('fk_product_import_problems_import_id_product_imports')),
    sa.PrimaryKeyConstraint('import_id', 'line', 'number', name=op.f('pk_product_import_problems'))
    )
    op.create_table('product_import_names',
    sa.Column('import_id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False, comment='`product` or `sku`'),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('line', sa.BigInteger(), nullable=False, comment='where it was read first'),
    sa.ForeignKeyConstraint(['import_id'], ['product_imports.id'], name=op.f('fk_product_import_names_import_id_product_imports')),
    sa.PrimaryKeyConstraint('import_id', 'kind', 'name', name=op.f('pk_product_import_names'))
    )


def downgrade() -> None:
    op.drop_table('product_import_names')
    op.drop_table('product_import_problems')
    op.drop_index('ix_product_imports_newest', table_name='product_imports')
    op.drop_table('product_imports')

"""The shelves: vendors, tags, sale windows, and the listings that lists filter and sort by, kept by triggers."""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

PRICES = """
CREATE FUNCTION price_now(prices) RETURNS bigint STABLE LANGUAGE sql AS $$
    SELECT CASE WHEN now() >= ($1).sale_starts_at AND now() < ($1).sale_ends_at
                THEN ($1).sale_amount ELSE ($1).amount END
$$;
CREATE FUNCTION price_before(prices) RETURNS bigint STABLE LANGUAGE sql AS $$
    SELECT CASE WHEN now() >= ($1).sale_starts_at AND now() < ($1).sale_ends_at
                THEN coalesce(($1).compare_at, ($1).amount) ELSE ($1).compare_at END
$$
"""

LISTINGS = """
CREATE FUNCTION notice(products uuid[], category uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO catalogue_changes (reader, product_id, category_id)
    SELECT reader, product, category
    FROM unnest(ARRAY['answers', 'search']) AS reader, (SELECT DISTINCT unnest(products) AS product) AS changed
$$;

CREATE FUNCTION relist(ids uuid[]) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    -- All are look-ups by key. Left to choose, a plan made in the middle of a big import scans whole tables; and one that
    -- was made on shelves that were nearly empty walks them in any order, for as long as the connection lives.
    IF coalesce(cardinality(ids), 0) = 0 THEN
        RETURN;
    END IF;
    -- One at a time a product, in one order: the statements below then see what whoever held the lock has written.
    PERFORM FROM products WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    PERFORM FROM categories WHERE id IN (SELECT category_id FROM products WHERE id = ANY (ids)) ORDER BY id FOR SHARE;
    -- And in one order the listings: a category that is moved changes them without asking for their products.
    PERFORM FROM listings WHERE product_id = ANY (ids) ORDER BY product_id, currency FOR UPDATE;
    DELETE FROM listings l WHERE l.product_id = ANY (ids) AND NOT EXISTS (
        SELECT FROM products p
        JOIN variants v ON v.product_id = p.id AND v.archived_at IS NULL
        JOIN prices r ON r.variant_id = v.id AND r.currency = l.currency
        WHERE p.id = l.product_id AND p.archived_at IS NULL
    );
    INSERT INTO listings AS l (
        product_id, currency, created_at, amount, compare_at, in_stock, featured, rating, popularity, sold, trend,
        vendor_id, category_ids, tag_ids, sale_ends_at, until, variant_ids
    )
    SELECT p.id, o.currency, p.created_at, o.cheapest[1], o.cheapest[2], o.in_stock, p.featured,
           CASE WHEN p.ratings > 0 THEN p.stars::float / p.ratings ELSE 0 END,
           coalesce(f.popularity, 0), coalesce(f.sold, 0), coalesce(f.trend, 0), p.vendor_id, c.lineage,
           ARRAY(SELECT t.id FROM product_tags x JOIN tags t ON t.id = x.tag_id
                 WHERE x.product_id = p.id AND t.archived_at IS NULL ORDER BY t.id),
           o.sale_ends_at, o.until, o.variant_ids
    FROM products p
    JOIN categories c ON c.id = p.category_id
    LEFT JOIN product_figures f ON f.product_id = p.id
    CROSS JOIN LATERAL (
        SELECT r.currency, min(ARRAY[r.price_now, r.price_before]) AS cheapest,
               bool_or(coalesce(s.sellable > 0, false)) AS in_stock,
               min(r.sale_ends_at) FILTER (WHERE now() >= r.sale_starts_at AND now() < r.sale_ends_at) AS sale_ends_at,
               min(CASE WHEN r.sale_starts_at > now() THEN r.sale_starts_at
                        WHEN r.sale_ends_at > now() THEN r.sale_ends_at END) AS until,
               array_agg(v.id ORDER BY v.id) AS variant_ids
        FROM variants v
        JOIN prices r ON r.variant_id = v.id
        LEFT JOIN stock s ON s.variant_id = v.id
        WHERE v.product_id = p.id AND v.archived_at IS NULL
        GROUP BY r.currency
    ) o
    WHERE p.id = ANY (ids) AND p.archived_at IS NULL
    ON CONFLICT (product_id, currency) DO UPDATE SET
        created_at = excluded.created_at, amount = excluded.amount, compare_at = excluded.compare_at,
        in_stock = excluded.in_stock, featured = excluded.featured, rating = excluded.rating,
        popularity = excluded.popularity, sold = excluded.sold, trend = excluded.trend,
        vendor_id = excluded.vendor_id, category_ids = excluded.category_ids, tag_ids = excluded.tag_ids,
        sale_ends_at = excluded.sale_ends_at, until = excluded.until, variant_ids = excluded.variant_ids
    WHERE l.* IS DISTINCT FROM excluded.*;
    PERFORM notice(ids, NULL);
END $$
"""

TREE = """
CREATE FUNCTION place_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The tree is edited by one transaction at a time: two moves that are fine alone can close a circle together.
    PERFORM pg_advisory_xact_lock(4819);
    NEW.lineage := coalesce((SELECT lineage FROM categories WHERE id = NEW.parent_id), '{}') || NEW.id;
    IF NEW.id = NEW.parent_id OR NEW.id = ANY (NEW.lineage[:cardinality(NEW.lineage) - 1]) THEN
        RAISE EXCEPTION 'a category cannot stand below itself'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_categories_no_cycle', TABLE = 'categories';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION category_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.lineage <> OLD.lineage THEN
        UPDATE categories SET lineage = NEW.lineage || lineage[cardinality(OLD.lineage) + 1:]
        WHERE lineage @> ARRAY[NEW.id] AND id <> NEW.id;
        PERFORM FROM listings WHERE category_ids @> ARRAY[NEW.id] ORDER BY product_id, currency FOR NO KEY UPDATE;
        UPDATE listings SET category_ids = NEW.lineage || category_ids[cardinality(OLD.lineage) + 1:]
        WHERE category_ids @> ARRAY[NEW.id];
    END IF;
    INSERT INTO catalogue_changes (reader, category_id)
    SELECT 'answers', unnest(ARRAY(SELECT DISTINCT unnest(OLD.lineage || NEW.lineage))) UNION ALL SELECT 'search', NEW.id;
    RETURN NULL;
END $$
"""

WATCHED = {
    "products": {
        "INSERT": "SELECT id AS product_id FROM after", "DELETE": "SELECT id AS product_id FROM before",
        "UPDATE": "SELECT id AS product_id FROM after",
    },
    "stock": {
        "INSERT": "SELECT v.product_id FROM after s JOIN variants v ON v.id = s.variant_id WHERE s.sellable > 0",
        "UPDATE": "SELECT v.product_id FROM before o JOIN after n ON n.variant_id = o.variant_id "
                  "JOIN variants v ON v.id = n.variant_id "
                  "WHERE (o.sellable > 0) <> (n.sellable > 0) OR (o.on_hand > o.held) <> (n.on_hand > n.held)",
    },
    **{
        table: {
            "INSERT": f"SELECT {product} FROM after {more}", "DELETE": f"SELECT {product} FROM before {more}",
            "UPDATE": f"SELECT {product} FROM before {more} UNION SELECT {product} FROM after {more}",
        }
        for table, product, more in (
            ("variants", "product_id", ""), ("product_tags", "product_id", ""), ("product_figures", "product_id", ""),
            ("prices", "v.product_id", "x JOIN variants v ON v.id = x.variant_id"),
        )
    },
}
"""Rows that listings are made from, and the products that a change of some of them concerns.

Of stock only crossing zero, of what can be bought or of what is here: a count goes down with every order, and no list sorts by it.
"""
SEEN = {"INSERT": "NEW TABLE AS after", "UPDATE": "OLD TABLE AS before NEW TABLE AS after", "DELETE": "OLD TABLE AS before"}

REST = """
CREATE FUNCTION product_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notice(ARRAY[NEW.id], OLD.category_id);
    RETURN NULL;
END $$;
CREATE TRIGGER moved AFTER UPDATE OF category_id ON products FOR EACH ROW
WHEN (OLD.category_id <> NEW.category_id) EXECUTE FUNCTION product_moved();

CREATE FUNCTION vendor_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notice(ARRAY(SELECT id FROM products WHERE vendor_id = NEW.id AND archived_at IS NULL), NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER UPDATE ON vendors FOR EACH ROW EXECUTE FUNCTION vendor_changed();

CREATE FUNCTION tag_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given uuid[] := ARRAY(SELECT product_id FROM product_tags WHERE tag_id = NEW.id);
BEGIN
    IF (OLD.archived_at IS NULL) = (NEW.archived_at IS NULL) THEN
        PERFORM notice(given, NULL);  -- another name: no list filters or sorts by it
    ELSE
        PERFORM relist(given);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION tag_changed();

CREATE FUNCTION category_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Nothing for searches: no product can be in it yet.
    INSERT INTO catalogue_changes (reader, category_id) SELECT 'answers', unnest(NEW.lineage);
    RETURN NULL;
END $$;
CREATE TRIGGER added AFTER INSERT ON categories FOR EACH ROW EXECUTE FUNCTION category_added();

CREATE FUNCTION names_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalogue_changes (reader, word) VALUES ('answers', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON tags FOR EACH STATEMENT EXECUTE FUNCTION names_changed();
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON vendors FOR EACH STATEMENT EXECUTE FUNCTION names_changed();

CREATE TRIGGER place BEFORE INSERT OR UPDATE OF parent_id ON categories
FOR EACH ROW EXECUTE FUNCTION place_category();
CREATE TRIGGER changed AFTER UPDATE ON categories FOR EACH ROW
WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION category_changed();
"""

FUNCTIONS = ("price_now(prices)", "price_before(prices)", "notice(uuid[], uuid)", "relist(uuid[])", "place_category()",
             "category_changed()", "product_moved()", "vendor_changed()", "tag_changed()", "category_added()", "names_changed()",
             *(f"{table}_{event.lower()}()" for table, events in WATCHED.items() for event in events))

FIRST_FILL = """
WITH RECURSIVE down AS (
    SELECT id, ARRAY[id] AS lineage FROM categories WHERE parent_id IS NULL
    UNION ALL SELECT c.id, down.lineage || c.id FROM categories c JOIN down ON c.parent_id = down.id
) UPDATE categories SET lineage = down.lineage FROM down WHERE down.id = categories.id;
SELECT relist(ARRAY(SELECT id FROM products))
"""


def run(script: str) -> None:
    """Each statement by itself: the driver prepares them, and prepares one at a time."""
    for statement in re.split(r";\n(?=\s*(?:CREATE|SELECT))", script):
        op.execute(sa.text(statement.replace(":", r"\:")))



def upgrade() -> None:
    op.create_table('catalogue_changes',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('reader', sa.Text(), nullable=False, comment='`answers`: cached answers; `search`: the search index'),
    sa.Column('product_id', sa.UUID(), nullable=True, comment='this product changed'),
    sa.Column('category_id', sa.UUID(), nullable=True, comment='null product: this changed; else: that was in here'),
    sa.Column('word', sa.Text(), nullable=True, comment='the list of this name changed: `tags`, `vendors`'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_catalogue_changes'))
    )
    op.create_index('ix_catalogue_changes_reader', 'catalogue_changes', ['reader', 'id'], unique=False)
    op.create_table('tags',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True, comment='set: no longer shown or given'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tags')),
    sa.UniqueConstraint('slug', name=op.f('uq_tags_slug'))
    )
    op.create_index('ix_tags_name', 'tags', ['name', 'slug'], unique=False)
    op.create_table('vendors',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True, comment='set: has no page; its products stay where they are'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vendors')),
    sa.UniqueConstraint('slug', name=op.f('uq_vendors_slug'))
    )
    op.create_index('ix_vendors_name', 'vendors', ['name', 'slug'], unique=False)
    op.create_table('listings',
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='of the product'),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment="of the cheapest variant, in a sale window the sale's"),
    sa.Column('compare_at', sa.BigInteger(), nullable=True, comment='what that variant cost before'),
    sa.Column('in_stock', sa.Boolean(), nullable=False, comment='some variant sold in this currency can be bought now'),
    sa.Column('featured', sa.Boolean(), nullable=False),
    sa.Column('rating', sa.Float(), nullable=False, comment='mean of the published stars; 0: nobody rated it'),
    sa.Column('popularity', sa.BigInteger(), nullable=False, comment='of product_figures'),
    sa.Column('sold', sa.BigInteger(), nullable=False, comment='of product_figures'),
    sa.Column('trend', sa.Float(), nullable=False, comment='of product_figures'),
    sa.Column('vendor_id', sa.UUID(), nullable=True, comment="null: the shop's own"),
    sa.Column('category_ids', postgresql.ARRAY(sa.UUID()), nullable=False, comment='lineage of its category'),
    sa.Column('tag_ids', postgresql.ARRAY(sa.UUID()), nullable=False),
    sa.Column('sale_ends_at', sa.DateTime(timezone=True), nullable=True, comment='end of the sale window that is open now; null: none is'),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True, comment='when the next sale window of this product opens or closes'),
    sa.Column('variant_ids', postgresql.ARRAY(sa.UUID()), nullable=False, comment='those that are sold in this currency'),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_listings_product_id_products')),
    sa.PrimaryKeyConstraint('product_id', 'currency', name=op.f('pk_listings'))
    )
    op.create_index('ix_listings_amount', 'listings', ['currency', 'amount', 'product_id'], unique=False)
    op.create_index('ix_listings_category_ids', 'listings', ['category_ids'], unique=False, postgresql_using='gin')
    op.create_index('ix_listings_newest', 'listings', ['currency', sa.literal_column('created_at DESC'), sa.literal_column('product_id DESC')], unique=False)
    op.create_index('ix_listings_popularity', 'listings', ['currency', sa.literal_column('popularity DESC'), sa.literal_column('product_id DESC')], unique=False)
    op.create_index('ix_listings_rating', 'listings', ['currency', sa.literal_column('rating DESC'), sa.literal_column('product_id DESC')], unique=False)
    op.create_index('ix_listings_featured', 'listings', ['currency', sa.literal_column('created_at DESC'), sa.literal_column('product_id DESC')], unique=False, postgresql_where=sa.text('featured'))
    op.create_index('ix_listings_sale_ends_at', 'listings', ['currency', 'sale_ends_at', 'product_id'], unique=False, postgresql_where=sa.text('sale_ends_at IS NOT NULL'))
    op.create_index('ix_listings_sold', 'listings', ['currency', sa.literal_column('sold DESC'), sa.literal_column('product_id DESC')], unique=False)
    op.create_index('ix_listings_tag_ids', 'listings', ['tag_ids'], unique=False, postgresql_using='gin')
    op.create_index('ix_listings_trend', 'listings', ['currency', sa.literal_column('trend DESC'), sa.literal_column('product_id DESC')], unique=False)
    op.create_index('ix_listings_until', 'listings', ['until'], unique=False, postgresql_where=sa.text('until IS NOT NULL'))
    op.create_index('ix_listings_vendor_id', 'listings', ['vendor_id', 'currency', sa.literal_column('created_at DESC'), sa.literal_column('product_id DESC')], unique=False, postgresql_where=sa.text('vendor_id IS NOT NULL'))
    op.create_table('product_figures',
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('sold', sa.BigInteger(), server_default='0', nullable=False, comment='units sold in the last 90 days'),
    sa.Column('popularity', sa.BigInteger(), server_default='0', nullable=False, comment='views and, weighing more, units sold of the last 30 days'),
    sa.Column('trend', sa.Float(), server_default='0', nullable=False, comment="popularity's growth; 0: none"),
    sa.Column('computed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_product_figures_product_id_products')),
    sa.PrimaryKeyConstraint('product_id', name=op.f('pk_product_figures'))
    )
    op.create_table('product_tags',
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('tag_id', sa.UUID(), nullable=False),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_product_tags_product_id_products')),
    sa.ForeignKeyConstraint(['tag_id'], ['tags.id'], name=op.f('fk_product_tags_tag_id_tags')),
    sa.PrimaryKeyConstraint('product_id', 'tag_id', name=op.f('pk_product_tags'))
    )
    op.create_index('ix_product_tags_tag_id', 'product_tags', ['tag_id'], unique=False)
    op.add_column('categories', sa.Column('description', sa.Text(), server_default='', nullable=False))
    op.add_column('categories', sa.Column('lineage', postgresql.ARRAY(sa.UUID()), server_default='{}', nullable=False, comment='from the outermost category to this one; kept by a trigger, which refuses cycles'))
    op.add_column('categories', sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))
    op.add_column('categories', sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True, comment='set: not shown; has nothing living in it'))
    op.create_index('ix_categories_lineage', 'categories', ['lineage'], unique=False, postgresql_using='gin')
    op.add_column('prices', sa.Column('sale_amount', sa.BigInteger(), nullable=True, comment='the price while its sale window is open'))
    op.add_column('prices', sa.Column('sale_starts_at', sa.DateTime(timezone=True), nullable=True, comment='counted in'))
    op.add_column('prices', sa.Column('sale_ends_at', sa.DateTime(timezone=True), nullable=True, comment='not counted in'))
    op.create_check_constraint('sale_whole', 'prices', 'num_nonnulls(sale_amount, sale_starts_at, sale_ends_at) IN (0, 3)')
    op.create_check_constraint('sale_in_order', 'prices', 'sale_amount BETWEEN 0 AND amount AND sale_starts_at < sale_ends_at')
    op.create_index('ix_prices_sale_ends_at', 'prices', ['sale_ends_at'], unique=False, postgresql_where=sa.text('sale_ends_at IS NOT NULL'))
    op.add_column('products', sa.Column('vendor_id', sa.UUID(), nullable=True))
    op.add_column('products', sa.Column('options', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='[{name, values}], what its variants differ in; empty: anything goes'))
    op.add_column('products', sa.Column('ratings', sa.Integer(), server_default='0', nullable=False, comment='published reviews'))
    op.add_column('products', sa.Column('stars', sa.BigInteger(), server_default='0', nullable=False, comment='sum of their stars'))
    op.add_column('products', sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))
    op.alter_column('products', 'images',
               existing_type=postgresql.JSONB(astext_type=sa.Text()),
               comment='[{url, alt, …}], the first is the primary',
               existing_comment='[{url, alt}], the first is the primary',
               existing_nullable=False,
               existing_server_default=sa.text("'[]'::jsonb"))
    op.create_check_constraint('stars_of_ratings', 'products', 'ratings >= 0 AND stars BETWEEN ratings AND 5 * ratings')
    op.create_index(op.f('ix_products_vendor_id'), 'products', ['vendor_id'], unique=False)
    op.create_foreign_key(op.f('fk_products_vendor_id_vendors'), 'products', 'vendors', ['vendor_id'], ['id'])
    op.add_column('variants', sa.Column('images', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment="ids of its product's images that show it"))
    op.add_column('variants', sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))
    op.add_column('variants', sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True, comment='set: not on sale, kept for orders that refer to it'))
    op.create_index('ix_variants_newest', 'variants', [sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False)
    for script in (PRICES, LISTINGS, TREE):
        run(script)
    for table, events in WATCHED.items():
        for event, concerned in events.items():
            op.execute(
                f"CREATE FUNCTION {table}_{event.lower()}() RETURNS trigger LANGUAGE plpgsql "
                "SET enable_seqscan = off SET plan_cache_mode = force_custom_plan AS $$ BEGIN "
                "IF current_setting('holdfast.relist', true) IS DISTINCT FROM 'later' THEN "
                f"PERFORM relist(ARRAY({concerned})); END IF; RETURN NULL; END $$"
            )
            op.execute(
                f"CREATE TRIGGER relist_{event.lower()} AFTER {event} ON {table} REFERENCING {SEEN[event]} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_{event.lower()}()"
            )
    run(REST)
    run(FIRST_FILL)


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.drop_index('ix_variants_newest', table_name='variants')
    op.drop_column('variants', 'archived_at')
    op.drop_column('variants', 'created_at')
    op.drop_column('variants', 'images')
    op.drop_constraint(op.f('fk_products_vendor_id_vendors'), 'products', type_='foreignkey')
    op.drop_index(op.f('ix_products_vendor_id'), table_name='products')
    op.alter_column('products', 'images',
               existing_type=postgresql.JSONB(astext_type=sa.Text()),
               comment='[{url, alt}], the first is the primary',
               existing_comment='[{url, alt, …}], the first is the primary',
               existing_nullable=False,
               existing_server_default=sa.text("'[]'::jsonb"))
    op.drop_constraint('stars_of_ratings', 'products', type_='check')
    op.drop_column('products', 'updated_at')
    op.drop_column('products', 'stars')
    op.drop_column('products', 'ratings')
    op.drop_column('products', 'options')
    op.drop_column('products', 'vendor_id')
    op.drop_index('ix_prices_sale_ends_at', table_name='prices', postgresql_where=sa.text('sale_ends_at IS NOT NULL'))
    for rule in ('sale_whole', 'sale_in_order'):
        op.drop_constraint(rule, 'prices', type_='check')
    op.drop_column('prices', 'sale_ends_at')
    op.drop_column('prices', 'sale_starts_at')
    op.drop_column('prices', 'sale_amount')
    op.drop_index('ix_categories_lineage', table_name='categories', postgresql_using='gin')
    op.drop_column('categories', 'archived_at')
    op.drop_column('categories', 'created_at')
    op.drop_column('categories', 'lineage')
    op.drop_column('categories', 'description')
    op.drop_index('ix_product_tags_tag_id', table_name='product_tags')
    op.drop_table('product_tags')
    op.drop_table('product_figures')
    op.drop_index('ix_listings_vendor_id', table_name='listings', postgresql_where=sa.text('vendor_id IS NOT NULL'))
    op.drop_index('ix_listings_until', table_name='listings', postgresql_where=sa.text('until IS NOT NULL'))
    op.drop_index('ix_listings_trend', table_name='listings')
    op.drop_index('ix_listings_tag_ids', table_name='listings', postgresql_using='gin')
    op.drop_index('ix_listings_sold', table_name='listings')
    op.drop_index('ix_listings_sale_ends_at', table_name='listings', postgresql_where=sa.text('sale_ends_at IS NOT NULL'))
    op.drop_index('ix_listings_rating', table_name='listings')
    op.drop_index('ix_listings_popularity', table_name='listings')
    op.drop_index('ix_listings_newest', table_name='listings')
    op.drop_index('ix_listings_featured', table_name='listings', postgresql_where=sa.text('featured'))
    op.drop_index('ix_listings_category_ids', table_name='listings', postgresql_using='gin')
    op.drop_index('ix_listings_amount', table_name='listings')
    op.drop_table('listings')
    op.drop_table('vendors')
    op.drop_table('tags')
    op.drop_index('ix_catalogue_changes_reader', table_name='catalogue_changes')
    op.drop_table('catalogue_changes')

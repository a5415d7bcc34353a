"""Reviews and votes on them, whose counts triggers keep; and what is learned from purchases and looks at products."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

_SHOWN = "WHERE status = 'published'"
ADDED, TAKEN = (
    f"SELECT product_id, {sign}1 AS ratings, {sign}stars AS stars FROM {rows} {_SHOWN}"
    for sign, rows in (("", "after"), ("-", "before"))
)
RATED = {"INSERT": ADDED, "DELETE": TAKEN, "UPDATE": f"{TAKEN} UNION ALL {ADDED}"}
VOTED = {"INSERT": ("after", "+"), "DELETE": ("before", "-")}
SEEN = {"INSERT": "NEW TABLE AS after", "UPDATE": "OLD TABLE AS before NEW TABLE AS after", "DELETE": "OLD TABLE AS before"}

RATE = """
CREATE FUNCTION reviews_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rated uuid[];
    told uuid[];
BEGIN
    SELECT array_agg(product_id) FILTER (WHERE ratings <> 0 OR stars <> 0),
           array_agg(product_id) FILTER (WHERE ratings = 0 AND stars = 0)
    INTO rated, told
    FROM (SELECT product_id, sum(ratings) AS ratings, sum(stars) AS stars FROM ({moved}) m GROUP BY product_id) d;
    IF rated IS NOT NULL THEN
        -- Locked in one order, and then counted on what whoever held the lock has written.
        PERFORM FROM products WHERE id = ANY (rated) ORDER BY id FOR NO KEY UPDATE;
        UPDATE products p SET ratings = p.ratings + d.ratings, stars = p.stars + d.stars
        FROM (SELECT product_id, sum(ratings) AS ratings, sum(stars) AS stars FROM ({moved}) m GROUP BY product_id) d
        WHERE p.id = d.product_id AND p.id = ANY (rated);
    END IF;
    -- Words or votes that changed: nothing that lists or the search know of.
    INSERT INTO catalogue_changes (reader, product_id) SELECT 'answers', unnest(told);
    RETURN NULL;
END $$
"""
VOTE = """
CREATE FUNCTION review_votes_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM reviews WHERE id IN (SELECT review_id FROM {rows}) ORDER BY id FOR NO KEY UPDATE;
    UPDATE reviews r SET helpful = r.helpful {sign} d.votes
    FROM (SELECT review_id, count(*) AS votes FROM {rows} GROUP BY review_id) d WHERE r.id = d.review_id;
    RETURN NULL;
END $$
"""

RELATED = """
CREATE FUNCTION related_products_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalogue_changes (reader, product_id) SELECT DISTINCT 'answers', product_id FROM ({changed}) c;
    RETURN NULL;
END $$
"""
CHANGED = {
    "INSERT": "SELECT product_id FROM after WHERE ids <> '{}'",
    "DELETE": "SELECT product_id FROM before WHERE ids <> '{}'",
    "UPDATE": "SELECT o.product_id FROM before o JOIN after n USING (product_id, kind) WHERE o.ids <> n.ids",
}


def upgrade() -> None:
    op.create_table('reviews',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('stars', sa.SmallInteger(), nullable=False),
    sa.Column('title', sa.Text(), nullable=True),
    sa.Column('body', sa.Text(), server_default='', nullable=False, comment='as written, plain text'),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('rejection_reason', sa.Text(), nullable=True),
    sa.Column('verified_purchase', sa.Boolean(), nullable=False, comment='as of the last time its author wrote it'),
    sa.Column('helpful', sa.Integer(), server_default='0', nullable=False, comment='votes; kept by a trigger'),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False, comment='rises when its author changes it'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('edited_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(status = 'rejected') = (rejection_reason IS NOT NULL)", name=op.f('ck_reviews_rejected_for_a_reason')),
    sa.CheckConstraint("status IN ('pending', 'published', 'rejected')", name=op.f('ck_reviews_status_known')),
    sa.CheckConstraint('stars BETWEEN 1 AND 5', name=op.f('ck_reviews_stars_one_to_five')),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_reviews_product_id_products')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_reviews_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reviews')),
    sa.UniqueConstraint('user_id', 'product_id', name=op.f('uq_reviews_user_id_product_id'))
    )
    op.create_index('ix_reviews_helpful', 'reviews', ['product_id', sa.literal_column('helpful DESC'), sa.literal_column('id DESC')], unique=False, postgresql_where=sa.text("status = 'published'"))
    op.create_index('ix_reviews_newest', 'reviews', ['product_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False, postgresql_where=sa.text("status = 'published'"))
    op.create_index('ix_reviews_stars', 'reviews', ['product_id', 'stars', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')], unique=False, postgresql_where=sa.text("status = 'published'"))
    op.create_index('ix_reviews_status', 'reviews', ['status', 'created_at', 'id'], unique=False)
    op.create_table('review_votes',
    sa.Column('review_id', sa.UUID(), nullable=False),
    sa.Column('user_id', sa.UUID(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['review_id'], ['reviews.id'], name=op.f('fk_review_votes_review_id_reviews'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_review_votes_user_id_users')),
    sa.PrimaryKeyConstraint('review_id', 'user_id', name=op.f('pk_review_votes'))
    )
    op.create_index('ix_review_votes_user_id', 'review_votes', ['user_id'], unique=False)
    op.create_table('product_reach',
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('buyers', sa.Integer(), nullable=False, comment='people who bought it in the last 90 days'),
    sa.Column('viewers', sa.Integer(), nullable=False, comment='people who looked at it in the last 30 days'),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_product_reach_product_id_products')),
    sa.PrimaryKeyConstraint('product_id', name=op.f('pk_product_reach'))
    )
    op.create_table('product_views',
    sa.Column('visitor', sa.UUID(), nullable=False, comment='keyed hash of account or cart and month, see models/tokens.py'),
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('day', sa.Date(), server_default=sa.text('CURRENT_DATE'), nullable=False),
    sa.Column('viewed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='the first time that day'),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_product_views_product_id_products')),
    sa.PrimaryKeyConstraint('visitor', 'product_id', 'day', name=op.f('pk_product_views'))
    )
    op.create_index('ix_product_views_product', 'product_views', ['product_id', sa.literal_column('viewed_at DESC')], unique=False)
    op.create_index('ix_product_views_viewed_at', 'product_views', ['viewed_at'], unique=False)
    op.create_table('purchases',
    sa.Column('order_id', sa.UUID(), nullable=False),
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('buyer', sa.UUID(), nullable=False, comment='the account; the order itself for a guest, or who is forgotten'),
    sa.Column('units', sa.Integer(), nullable=False),
    sa.Column('bought_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_purchases_order_id_orders')),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_purchases_product_id_products')),
    sa.PrimaryKeyConstraint('order_id', 'product_id', name=op.f('pk_purchases'))
    )
    op.create_index('ix_purchases_bought_at', 'purchases', ['bought_at'], unique=False)
    op.create_index('ix_purchases_buyer', 'purchases', ['buyer', sa.literal_column('bought_at DESC')], unique=False)
    op.create_index('ix_purchases_product', 'purchases', ['product_id', sa.literal_column('bought_at DESC')], unique=False)
    op.create_table('related_products',
    sa.Column('product_id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('ids', postgresql.ARRAY(sa.UUID()), nullable=False, comment='the closest first'),
    sa.Column('scores', postgresql.ARRAY(sa.Float()), nullable=False, comment='0 to 1, of each of them'),
    sa.Column('computed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("kind IN ('bought', 'together', 'viewed', 'alike')", name=op.f('ck_related_products_kind_known')),
    sa.ForeignKeyConstraint(['product_id'], ['products.id'], name=op.f('fk_related_products_product_id_products')),
    sa.PrimaryKeyConstraint('product_id', 'kind', name=op.f('pk_related_products'))
    )
    made = [("reviews", event, RATE.format(name=event.lower(), moved=moved)) for event, moved in RATED.items()]
    made += [("review_votes", event, VOTE.format(name=event.lower(), rows=rows, sign=sign))
             for event, (rows, sign) in VOTED.items()]
    made += [("related_products", event, RELATED.format(name=event.lower(), changed=changed))
             for event, changed in CHANGED.items()]
    for table, event, function in made:
        op.execute(function)
        op.execute(
            f"CREATE TRIGGER counted_{event.lower()} AFTER {event} ON {table} REFERENCING {SEEN[event]} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_{event.lower()}()"
        )


def downgrade() -> None:
    for table, events in (("reviews", RATED), ("review_votes", VOTED), ("related_products", CHANGED)):
        for event in events:
            op.execute(f"DROP FUNCTION {table}_{event.lower()}() CASCADE")
    for table in ('related_products', 'purchases', 'product_views', 'product_reach'):
        op.drop_table(table)
    op.drop_table('review_votes')
    op.drop_table('reviews')

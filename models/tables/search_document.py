"""The search index that Postgres keeps itself: a row a product, currency and generation, and the words of all of them.

Full text without Postgres' own dictionaries: words are folded in Python (`models/search/text.py`), alike for every
language. Besides words as they are, a row has some that say more, told apart by a sign that no word begins with:

    .mug    in its name             ^blue mug   the whole name             =ab12   a SKU
    ~mug    a word, ~.mug one of the name, in the rows of one product in sixteen: what many matches are counted by
    ~~mug   the same in one product of 256, for words that nearly all have; ~~~mug in one of four, for some hundreds

All of them begin with the row's currency, `usd.mug`: a search reads no row of another one. What a search reads of each
match is in the row and as short as can be, see `models/search/kinds.py`; the words are beside it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Fetch
from models.search.document import Document, Offer
from models.search.kinds import packed
from models.search.text import code, words
from models.tables.base import currency, metadata, minor_units, moment, plain_uuid
from models.tables.search_generation import INDEXING

search_documents = sa.Table(
    "search_documents", metadata,
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("product_id", pg.UUID(as_uuid=True), primary_key=True,
              comment="no key: the index follows, it holds none"),
    currency(primary_key=True),
    sa.Column("words", pg.TSVECTOR, nullable=False, comment="all of it, beside the row: the index alone reads them"),
    sa.Column("ballast", sa.Text, comment="blanks, that shrink: of a row below 2 kB Postgres puts nothing beside"),
    sa.Column("head", pg.TSVECTOR, nullable=False, comment="what is said of the name: ranks are made of it"),
    sa.Column("score", sa.REAL, nullable=False, comment="0 to 1: order among rows that match alike"),
    minor_units("amount"),
    sa.Column("in_stock", sa.Boolean, nullable=False),
    sa.Column("on_sale", sa.Boolean, nullable=False),
    sa.Column("featured", sa.Boolean, nullable=False),
    sa.Column("rating", sa.Float, nullable=False),
    sa.Column("popularity", sa.BigInteger, nullable=False),
    moment("created_at", comment="of the product"),
    sa.Column("kinds", sa.LargeBinary, nullable=False, comment="what it is counted and filtered by, packed"),
    sa.Column("digest", sa.Text, nullable=False, comment="of the document it was made from"),
    sa.Index("ix_search_documents_words", "words", postgresql_using="gin",
             postgresql_with={"gin_pending_list_limit": 256}),
    sa.Index("ix_search_documents_score", "generation", "currency", sa.text("score DESC"), sa.text("product_id DESC")),
)  # fmt: skip

search_words = sa.Table(
    "search_words", metadata,
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("products", sa.Integer, nullable=False, comment="in how many it is; 0: in none any more"),
    sa.Column("version", sa.BigInteger, nullable=False, comment="of `search_version`: what was changed since is above"),
    sa.Index("ix_search_words_version", "generation", "version"),
)  # fmt: skip
search_version = sa.Sequence("search_version", metadata=metadata)

SAMPLES = ((256, "~~"), (16, "~"), (4, "~~~"))
"""One product in so many, and the sign of its words; told by the last byte of its id, which is chance."""
MOST_LEXEMES = 1500
"""Words of one product; of a description that is a book, its beginning."""

_DOCUMENTS = """
SELECT p.id, p.name, p.description, coalesce(m.name, '') AS vendor, p.vendor_id,
       ARRAY(SELECT c.name FROM unnest(o.category_ids) WITH ORDINALITY AS l (id, place)
             JOIN categories c ON c.id = l.id ORDER BY place) AS categories,
       ARRAY(SELECT t.name FROM tags t WHERE t.id = ANY (o.tag_ids) ORDER BY t.name) AS tags,
       ARRAY(SELECT DISTINCT a.value FROM variants v, jsonb_each_text(v.attributes) AS a
             WHERE v.product_id = p.id AND v.archived_at IS NULL ORDER BY a.value) AS attributes,
       ARRAY(SELECT v.sku FROM variants v WHERE v.product_id = p.id AND v.archived_at IS NULL ORDER BY v.sku) AS skus,
       o.category_ids, o.tag_ids, p.created_at, p.featured, o.rating, o.popularity, offers
FROM products p
CROSS JOIN LATERAL (
    SELECT min(l.category_ids) AS category_ids, min(l.tag_ids) AS tag_ids, min(l.rating) AS rating,
           min(l.popularity) AS popularity,
           array_agg((l.currency, l.amount, l.in_stock, l.sale_ends_at IS NOT NULL) ORDER BY l.currency) AS offers
    FROM listings l WHERE l.product_id = p.id HAVING count(*) > 0
) o
LEFT JOIN vendors m ON m.id = p.vendor_id
WHERE p.id = ANY ($1)
ORDER BY p.id
"""


async def documents(database: Database, products: Sequence[UUID]) -> list[Document]:
    """Those of these products that are listed, as they are to be found now, ordered by id."""
    rows = await database.fetch(_DOCUMENTS, list(products))
    return [
        Document(
            id=plain_uuid(row["id"]), name=row["name"], description=row["description"], vendor=row["vendor"],
            categories=list(row["categories"]), tags=list(row["tags"]), attributes=list(row["attributes"]),
            skus=list(row["skus"]), category_ids=[plain_uuid(each) for each in row["category_ids"]],
            vendor_id=plain_uuid(row["vendor_id"]) if row["vendor_id"] else None,
            tag_ids=[plain_uuid(each) for each in row["tag_ids"]], created_at=row["created_at"],
            featured=row["featured"], rating=row["rating"], popularity=row["popularity"],
            offers={offer[0]: Offer(*offer[1:]) for offer in row["offers"]},
        )
        for row in rows
    ]  # fmt: skip


async def next_products(database: Database, after: UUID, most: int) -> list[UUID]:
    """Ids of products, listed or not, in their order."""
    rows = await database.fetch("SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2", after, most)
    return [plain_uuid(row["id"]) for row in rows]


def lexemes(document: Document) -> tuple[list[str], list[str], list[str]]:
    """Its words; all that its rows have, with a sign where it says more; and what of that is said of the name."""
    name = words(document.name)
    rest = [
        word
        for text in (document.vendor, *document.categories, *document.tags, *document.attributes, document.description)
        for word in words(text)
    ]
    plain = list(dict.fromkeys([*name, *rest]))[:MOST_LEXEMES]
    named = [f".{word}" for word in dict.fromkeys(name)]
    signs = [sign for share, sign in SAMPLES if document.id.bytes[15] % share == 0]
    sampled = [sign + each for sign in signs for each in (*plain, *named)]
    skus = [f"={code(sku)}" for sku in document.skus]
    head = [*named, f"^{' '.join(name)}"[:200]]
    return plain, [*plain, *head, *skus, *sampled], head


_OLD = """
SELECT DISTINCT ON (product_id) product_id, tsvector_to_array(words) AS words FROM search_documents
WHERE generation = $1 AND product_id = ANY ($2)
"""
_REMOVE = "DELETE FROM search_documents WHERE generation = $1 AND product_id = ANY ($2)"
_INSERT = """
INSERT INTO search_documents (
    generation, product_id, currency, words, ballast, head, score, amount, in_stock, on_sale, featured, rating,
    popularity, created_at, kinds, digest
)
SELECT $1, d.id, o.currency, array_to_tsvector(ARRAY(SELECT o.currency || jsonb_array_elements_text(d.words))),
       repeat(' ', 2100), array_to_tsvector(ARRAY(SELECT jsonb_array_elements_text(d.head))), d.score, o.amount,
       o.in_stock, o.on_sale, d.featured, d.rating, d.popularity, d.created_at, decode(o.kinds, 'hex'), d.digest
FROM jsonb_to_recordset($2::jsonb) AS d (
    id uuid, words jsonb, head jsonb, score real, featured boolean, rating float, popularity bigint,
    created_at timestamptz, digest text, offers jsonb
), jsonb_to_recordset(d.offers) AS o (currency text, amount bigint, in_stock boolean, on_sale boolean, kinds text)
ORDER BY o.currency
"""
"""Rows of one currency side by side: they are read together, and without the others."""
_COUNT = """
INSERT INTO search_words AS w (generation, word, products, version)
SELECT $1, word, change, nextval('search_version') FROM unnest($2::text[], $3::int[]) AS x (word, change)
ON CONFLICT (generation, word) DO UPDATE SET products = w.products + excluded.products, version = excluded.version
"""


async def put(fetch: Fetch, generation: int, found: Sequence[tuple[Document, str]], gone: Sequence[UUID]) -> None:
    """Take in documents, each with its rows as JSON (`row`), in the place of what was known; forget `gone`."""
    await fetch("SELECT pg_advisory_xact_lock($1)", INDEXING)
    ids = [*(document.id for document, _ in found), *gone]
    change: Counter[str] = Counter()
    for _, old in await fetch(_OLD, generation, ids):
        change.subtract(word[3:] for word in old if word[3] not in ".^=~")
    for document, _ in found:
        change.update(lexemes(document)[0])
    await fetch(_REMOVE, generation, ids)
    await fetch(_INSERT, generation, f"[{','.join(row for _, row in found)}]")
    moved = sorted((word, count) for word, count in change.items() if count)
    if moved:
        await fetch(_COUNT, generation, [word for word, _ in moved], [count for _, count in moved])


class Words(NamedTuple):
    """What changed of a generation's words."""

    counts: Mapping[str, int]
    version: int
    """Ask for what is above it next time."""


async def words_since(database: Database, generation: int, version: int) -> Words:
    """Words of which the count changed since."""
    rows = await database.fetch(
        "SELECT word, products, version FROM search_words WHERE generation = $1 AND version > $2", generation, version
    )
    return Words({row["word"]: row["products"] for row in rows}, max((row["version"] for row in rows), default=version))


async def digests(database: Database, generation: int, first: UUID, last: UUID) -> dict[UUID, str]:
    """What the index has between two ids."""
    rows = await database.fetch(
        "SELECT product_id, min(digest) AS digest FROM search_documents "
        "WHERE generation = $1 AND product_id BETWEEN $2 AND $3 GROUP BY product_id", generation, first, last,
    )  # fmt: skip
    return {plain_uuid(row["product_id"]): row["digest"] for row in rows}


async def drop(fetch: Fetch, generation: int, most: int) -> bool:
    """Remove rows of a generation. Whether some are left."""
    gone = await fetch(
        "DELETE FROM search_documents WHERE (generation, product_id) IN (SELECT generation, product_id "
        "FROM search_documents WHERE generation = $1 ORDER BY product_id LIMIT $2) RETURNING 1", generation, most,
    )  # fmt: skip
    if gone:
        return True
    await fetch("DELETE FROM search_words WHERE generation = $1", generation)
    return False


def row(document: Document, encode: Any) -> str:
    """A document as `put` takes it; made outside the transaction."""
    _, all_words, head = lexemes(document)
    made: str = encode(
        {
            "id": document.id, "words": all_words, "head": head, "score": document.score, "featured": document.featured,
            "rating": document.rating, "popularity": document.popularity, "created_at": document.created_at,
            "digest": document.digest,
            "offers": [
                {"currency": kind, "amount": offer.amount, "in_stock": offer.in_stock, "on_sale": offer.on_sale,
                 "kinds": packed(document, kind).hex()}
                for kind, offer in document.offers.items()
            ],
        }
    )  # fmt: skip
    return made


async def note(fetch: Fetch, products: Sequence[UUID]) -> int:
    """Have products indexed as if they had changed. The number of the last change noted so far, of any product."""
    if products:
        await fetch(
            "INSERT INTO catalogue_changes (reader, product_id) SELECT 'search', id FROM unnest($1::uuid[]) AS id",
            list(products),
        )
    [row] = await fetch("SELECT coalesce(max(id), 0) AS last FROM catalogue_changes WHERE reader = 'search'")
    return int(row["last"])


async def note_categories(fetch: Fetch, categories: Sequence[UUID], most: int) -> int:
    """Have at most so many products of these categories, and those below them, indexed; how many.

    Not those that are on their way: they are read when they are indexed, which is later than this.
    """
    noted = await fetch(
        "INSERT INTO catalogue_changes (reader, product_id) "
        "SELECT DISTINCT 'search', l.product_id FROM listings l WHERE l.category_ids && $1::uuid[] AND NOT EXISTS "
        "(SELECT FROM catalogue_changes c WHERE c.reader = 'search' AND c.product_id = l.product_id) "
        "LIMIT $2 RETURNING id",
        list(categories), most,
    )  # fmt: skip
    return len(noted)


async def is_behind(database: Database, change: int) -> bool:
    """Whether the index has yet to follow this change or one before it."""
    return bool(await database.fetch("SELECT FROM catalogue_changes WHERE reader = 'search' AND id <= $1", change))


async def not_on_their_way(database: Database, products: Sequence[UUID]) -> list[UUID]:
    """Those of these products of which no change waits to be indexed."""
    rows = await database.fetch(
        "SELECT id FROM unnest($1::uuid[]) AS id WHERE id NOT IN (SELECT product_id FROM catalogue_changes "
        "WHERE reader = 'search' AND product_id IS NOT NULL)", list(products),
    )  # fmt: skip
    return [plain_uuid(row["id"]) for row in rows]

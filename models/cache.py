"""Names and lifetimes of what the API keeps in Redis, and what each answer is about.

An answer says what it is about: a product, a category, all products. Each of these has a version in Redis, which
changes with what it names; an answer made under another version is not given any more.
"""

from datetime import timedelta

PREFIX = "holdfast:catalogue:"

FRESH = timedelta(seconds=5)
"""A catalogue answer this young is given as it is. A price or stock count on a page may be this old (and HELD more):
a page promises nothing, the cart and checkout read the rows themselves."""
HELD = timedelta(seconds=1)
"""How long one API process answers from its own memory without asking Redis."""
KEPT = timedelta(minutes=10)
"""How long an answer is kept to stand in while Postgres is away."""

VERSIONS_KEPT = timedelta(hours=1)
"""Longer than any answer: a version that is forgotten makes those answers old which were made under it."""

PRODUCTS, CATEGORIES, TAGS, VENDORS, SEARCH = "products", "categories", "tags", "vendors", "search"
"""All products as lists show them; the tree of categories itself; the names of tags and of vendors; the search index,
which follows the others."""


def about_product(slug: str) -> str:
    """One product, whatever of it changed."""
    return f"product:{slug}"


def about_category(slug: str) -> str:
    """One category with all that is in it and below it."""
    return f"category:{slug}"


def version(about: str) -> str:
    """Where the version of what an answer is about is kept."""
    return f"{PREFIX}version:{about}"


def being_made(key: str) -> str:
    """There while one process makes the answer under `key`."""
    return f"{PREFIX}making:{key}"


def product_list(of: str, limit: int, cursor: str | None, count: bool) -> str:
    """One page of a list of products; `of`: which list, in which currency, order and filters."""
    return f"{PREFIX}list:{of}:{limit}:{cursor or ''}:{count:d}"


def search(of: str, limit: int, cursor: str | None) -> str:
    """One page of what a search finds; `of`: which search."""
    return f"{PREFIX}search:{of}:{limit}:{cursor or ''}"


def suggestions(query: str, currency: str, limit: int) -> str:
    """What a query may become."""
    return f"{PREFIX}suggestions:{currency}:{limit}:{query}"


def product(slug: str, currency: str) -> str:
    """One product's page."""
    return f"{PREFIX}product:{slug}:{currency}"


def reviews(of: str, limit: int, cursor: str | None) -> str:
    """One page of a product's reviews."""
    return f"{PREFIX}{of}:{limit}:{cursor or ''}"


def related(how: str, slug: str, currency: str, limit: int) -> str:
    """What goes with one product, in one way."""
    return f"{PREFIX}related:{how}:{slug}:{currency}:{limit}"


def category_tree() -> str:
    """All categories."""
    return f"{PREFIX}categories"


def category(slug: str) -> str:
    """One category."""
    return f"{PREFIX}category:{slug}"


def names(word: str, limit: int, cursor: str | None) -> str:
    """One page of tags or vendors."""
    return f"{PREFIX}{word}:{limit}:{cursor or ''}"


def vendor(slug: str) -> str:
    """One vendor."""
    return f"{PREFIX}vendor:{slug}"

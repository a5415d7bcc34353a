"""Names and lifetimes of what the API keeps in Redis, so that whoever changes a row knows which keys to drop."""

from datetime import timedelta

PREFIX = "holdfast:catalogue:"

FRESH = timedelta(seconds=5)
"""A catalogue answer this young is given as it is. A price or stock count on a page may be this old (and HELD more):
a page promises nothing, the cart and checkout read the rows themselves."""
HELD = timedelta(seconds=1)
"""How long one API process answers from its own memory without asking Redis."""
KEPT = timedelta(minutes=10)
"""How long an answer is kept to stand in while Postgres is away."""


def product_list(category: str | None, currency: str, limit: int, cursor: str | None) -> str:
    """One page of the product list."""
    return f"{PREFIX}list:{category or '*'}:{currency}:{limit}:{cursor or ''}"


def category_products(category: str, currency: str, limit: int, cursor: str | None) -> str:
    """One page of a category's products; unlike the list's, never the page of a category that does not exist."""
    return f"{PREFIX}category-list:{category}:{currency}:{limit}:{cursor or ''}"


def product(slug: str, currency: str) -> str:
    """One product's page."""
    return f"{PREFIX}product:{slug}:{currency}"


def category_tree() -> str:
    """All categories."""
    return f"{PREFIX}categories"


def category(slug: str) -> str:
    """One category."""
    return f"{PREFIX}category:{slug}"

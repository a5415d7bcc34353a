"""How a list is cut into pages: what a client asks for, where a page begins, and the way to the next."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from litestar.params import QueryParameter

from api.context import House
from models import cursor
from models.cursor import Cursor

T = TypeVar("T")

PageSize = Annotated[int, QueryParameter(name="limit", ge=1, le=100, description="Items a page")]
Place = Annotated[
    str | None, QueryParameter(name="cursor", max_length=100, description="`next_cursor` of the page before")
]


def begin(house: House, place: str | None) -> Cursor | None:
    """Where the page begins that a client asks for. Raises: Refusal `cursor_unknown`."""
    return cursor.read(house.settings.secret_key, place) if place else None


def cut(house: House, found: list[T], limit: int, place_of: Callable[[T], Cursor]) -> tuple[list[T], str | None]:
    """`limit` items out of up to one more, which only proves that there is a next page; and that page's cursor."""
    if len(found) <= limit:
        return found, None
    return found[:limit], cursor.write(house.settings.secret_key, place_of(found[limit - 1]))

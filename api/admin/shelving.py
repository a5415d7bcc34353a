"""What the operations of staff's on tags, vendors, categories and products have in common."""

from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from models.records import SLUG

SlugInPath = Annotated[str, PathParameter(pattern=SLUG, description="Lower case letters, digits and dashes")]
Words = Annotated[
    str | None,
    QueryParameter(
        name="q", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Part of the slug or of the name; case does not matter",
    ),
]  # fmt: skip
Archived = Annotated[bool, QueryParameter(description="True: those that are archived, and only those")]

"""Files that anybody may have: pictures, from the folder or the bucket where they are kept."""

import re
from collections.abc import AsyncIterator
from typing import Any

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream

from api.context import House, StrictRequest
from models.errors import Refusal
from models.storage import IMAGES, PUBLIC_PATH, Unchanged

_NAME = re.compile(r"/?((?:[A-Za-z0-9_][A-Za-z0-9._-]{0,99}/){0,5}[A-Za-z0-9_][A-Za-z0-9._-]{0,99})").fullmatch
"""No step begins with a dot: what does is ours alone, or leads elsewhere."""
_KINDS = {
    "webp": "image/webp", "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg",
    "gif": "image/gif", "avif": "image/avif",
}  # fmt: skip
_FOR_EVER = "public, max-age=31536000, immutable"
"""For what is named after its content."""
_A_MONTH = "public, max-age=2592000"


@get(PUBLIC_PATH + "/{file_path:path}", name="media", include_in_schema=False)
async def media(request: StrictRequest, house: House, file_path: FromPath[str]) -> Response[Any]:
    """A picture. 304 for whoever has it already."""
    name = _NAME(file_path)
    kind = _KINDS.get(file_path.rpartition(".")[2].lower())
    found = await house.storage.get(name[1], known(request)) if name and kind else None
    if found is None or name is None:
        raise Refusal("not_found", "There is nothing at this address.")
    life = _FOR_EVER if name[1].startswith(f"{IMAGES}/") else _A_MONTH
    headers = {"Cache-Control": life, **({"ETag": found.etag} if found.etag else {})}
    if isinstance(found, Unchanged):
        return Response(None, status_code=304, headers=headers)
    body: AsyncIterator[bytes] = found.body
    return Stream(body, media_type=kind, headers={**headers, "Content-Length": str(found.size)})


def known(request: StrictRequest) -> str | None:
    """The one etag that a browser sends back."""
    given = request.headers.get("if-none-match", "").removeprefix("W/")
    return given if re.fullmatch(r'"[\x21\x23-\x7e]{1,100}"', given) else None


handlers = [media]

"""Where files are kept that are no rows, pictures and uploads: a folder, or a bucket of S3's protocol.

Names look like paths. What begins with a dot is nobody's but ours: `/media` never serves it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import obstore
from obstore.exceptions import BaseError, NotModifiedError
from obstore.store import LocalStore, ObjectStore, S3Store

from models.errors import Unavailable

PUBLIC_PATH = "/media"
IMAGES = "images"
"""Folder of what is named after its content, so that it never changes."""
IMPORTS = ".imports"
"""Catalogues that are being imported."""
PIECE = 256 * 1024
"""Bytes that are read at a time."""
_PART = 5 * 1024 * 1024
"""Bytes that are sent at a time; S3 takes no less."""
_PATIENCE = timedelta(seconds=10)
_RETRY: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}


class Kept(msgspec.Struct, frozen=True):
    """A file found."""

    size: int
    etag: str | None
    body: AsyncIterator[bytes]


class Unchanged(msgspec.Struct, frozen=True):
    """Whoever asks has it already."""

    etag: str | None


class Storage:
    """All files of one process. It connects when first used, so that a process starts without it."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self._folder = folder
        self._url = url
        self._opened: ObjectStore | None = None

    async def put(self, name: str, data: bytes) -> None:
        """Keep a file; one of the same name is replaced, never seen by half. Raises: Unavailable."""
        with _translated():
            await obstore.put_async(self._store(), name, data)

    async def get(self, name: str, known: str | None = None, offset: int = 0) -> Kept | Unchanged | None:
        """A file from `offset` on; None: there is none. `known`: the etag of what the asker has.

        Raises: Unavailable.
        """
        options: Any = {}
        if known is not None:
            options["if_none_match"] = known
        if offset:
            options["range"] = {"offset": offset}
        try:
            with _translated():
                found = await obstore.get_async(self._store(), name, options=options)
        except NotModifiedError:
            return Unchanged(known)
        except FileNotFoundError:
            return None
        return Kept(found.meta["size"], found.meta["e_tag"], _pieces(found))

    async def read(self, name: str, offset: int, length: int) -> bytes:
        """So many bytes of a file that there is, from `offset` on. Raises: Unavailable."""
        if not length:
            return b""
        with _translated():
            return bytes(await obstore.get_range_async(self._store(), name, start=offset, length=length))

    @asynccontextmanager
    async def writing(self, name: str) -> AsyncIterator["Pen"]:
        """A file written piece by piece; it is there when the block ends, and not at all when the block raises."""
        with _translated():
            async with obstore.open_writer_async(self._store(), name, buffer_size=_PART) as opened:
                yield Pen(opened)

    async def delete(self, name: str) -> None:
        """Forget a file; that there is none is as well. Raises: Unavailable."""
        try:
            with _translated():
                await obstore.delete_async(self._store(), name)
        except FileNotFoundError:
            pass

    def _store(self) -> ObjectStore:
        if self._opened is None:
            self._opened = bucket(self._url) if self._url else LocalStore(self._folder, mkdir=True)
        return self._opened


class Pen:
    """Writes one file."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened

    async def write(self, piece: bytes) -> None:
        """Go on. Raises: Unavailable."""
        with _translated():
            await self._opened.write(piece)


def named_after(data: bytes, suffix: str) -> str:
    """The name of a picture: whatever has it has this content, for ever."""
    digest = blake2b(data, digest_size=16).hexdigest()
    return f"{IMAGES}/{digest[:2]}/{digest}.{suffix}"


def bucket(url: str) -> S3Store:
    """`s3+https://key:secret@host/bucket/prefix?region=…`; without key and secret, those of the machine's own role."""
    parts = urlsplit(url)
    name, _, prefix = parts.path.strip("/").partition("/")
    at = parts.hostname or ""
    endpoint = f"{parts.scheme.removeprefix('s3+')}://{at}" + (f":{parts.port}" if parts.port else "")
    keys: Any = {}
    if parts.username and parts.password:
        keys = {"access_key_id": unquote(parts.username), "secret_access_key": unquote(parts.password)}
    region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
    return S3Store(
        name, prefix=prefix or None, endpoint=endpoint, region=region, virtual_hosted_style_request=False,
        client_options={"allow_http": endpoint.startswith("http:"), "timeout": _PATIENCE, "connect_timeout": _PATIENCE},
        retry_config=_RETRY, **keys,
    )  # fmt: skip


async def _pieces(found: Any) -> AsyncIterator[bytes]:
    with _translated():
        async for piece in found.stream(min_chunk_size=PIECE):
            yield bytes(piece)


class _translated:
    """Turns what a folder or a bucket says when it cannot into Unavailable; that something is not there passes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError | NotModifiedError | Unavailable):
            return
        if isinstance(error, BaseError | OSError):
            raise Unavailable("storage", f"{type(error).__name__}: {str(error)[:200]}") from error

"""Files in a folder and in a bucket: the same promises, kept by both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from models.errors import Unavailable
from models.storage import Kept, Storage, Unchanged, named_after
from tests.models.bucket import Bucket

KEY, SECRET = "AKIATEST", "s3cret%2F%2B%3D"


@pytest.fixture
async def bucket() -> AsyncIterator[Bucket]:
    """A bucket's server, spoken to over HTTP."""
    served = Bucket("shop", KEY)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield served
    server.close()


def in_bucket(bucket: Bucket, key: str = KEY) -> Storage:
    """A storage of this bucket."""
    where = f"{key}:{SECRET}@{bucket.address}/shop/media/of/shop?region=eu-central-1"
    return Storage(Path("/nonexistent"), f"s3+http://{where}")


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, bucket: Bucket) -> Storage:
    """Each kind of storage, empty."""
    return Storage(tmp_path / "not" / "there", None) if request.param == "folder" else in_bucket(bucket)


async def content(storage: Storage, name: str) -> bytes | None:
    """All of a file."""
    found = await storage.get(name)
    return b"".join([piece async for piece in found.body]) if isinstance(found, Kept) else None


async def test_what_is_kept_is_there(storage: Storage) -> None:
    """Given a file, then it is there until it is deleted; again it is replaced."""
    name = named_after(b"one", "webp")
    assert await storage.get(name) is None
    await storage.put(name, b"one")
    assert await content(storage, name) == b"one"
    await storage.put(name, b"two, and more")
    found = await storage.get(name)
    assert isinstance(found, Kept) and found.size == 13
    assert await content(storage, name) == b"two, and more"
    for _ in range(2):
        await storage.delete(name)
        assert await storage.get(name) is None


async def test_who_has_it_already(storage: Storage) -> None:
    """Given the etag of a file, then it is not sent again until it is another one."""
    await storage.put("images/a.webp", b"one")
    found = await storage.get("images/a.webp")
    assert isinstance(found, Kept) and found.etag is not None
    assert await storage.get("images/a.webp", found.etag) == Unchanged(found.etag)
    assert isinstance(await storage.get("images/a.webp", '"other"'), Kept)
    await storage.put("images/a.webp", b"other")
    assert isinstance(await storage.get("images/a.webp", found.etag), Kept)


async def test_piece_by_piece(storage: Storage) -> None:
    """Given a large file written in pieces, then it is there when it is whole, and can be read from anywhere."""
    data = bytes(range(256)) * 60_000  # three parts
    async with storage.writing(".imports/a.csv") as pen:
        for at in range(0, len(data), 1_000_000):
            await pen.write(data[at : at + 1_000_000])
        assert await storage.get(".imports/a.csv") is None
    assert await content(storage, ".imports/a.csv") == data
    for at, length in ((0, 10), (5_242_879, 3), (len(data) - 5, 5), (7, 0)):
        assert await storage.read(".imports/a.csv", at, length) == data[at : at + length]


@pytest.mark.parametrize("size", [0, 10, 12_000_000])
async def test_what_broke_off_is_not_there(storage: Storage, size: int) -> None:
    """Given a writer who falls over, then there is no file, however much of it was written."""
    with suppress(KeyError):
        async with storage.writing(".imports/a.csv") as pen:
            await pen.write(bytes(size))
            raise KeyError
    assert await storage.get(".imports/a.csv") is None


async def test_an_empty_file(storage: Storage) -> None:
    """Given nothing written, then that is a file too."""
    async with storage.writing(".imports/a.csv"):
        pass
    found = await storage.get(".imports/a.csv")
    assert isinstance(found, Kept) and found.size == 0


async def test_a_bucket_that_is_away(bucket: Bucket) -> None:
    """Given a bucket that does not answer, or knows us not, then it is unavailable, and works again when it is back."""
    storage = in_bucket(bucket)
    await storage.put("a", b"x")
    bucket.away = True
    for work in (storage.put("a", b"y"), storage.get("a"), storage.delete("a"), storage.read("a", 0, 1)):
        with pytest.raises(Unavailable) as away:
            await work
        assert away.value.neighbour == "storage"
        assert "s3cret" not in str(away.value)
    bucket.away = False
    assert await content(storage, "a") == b"x"
    with pytest.raises(Unavailable):
        await in_bucket(bucket, "AKIAWRONG").put("a", b"y")
    assert bucket.objects == {"media/of/shop/a": b"x"}
    assert bucket.regions == {"eu-central-1"}


async def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """Given a file where the folder should be, then the storage is unavailable."""
    (tmp_path / "media").write_text("in the way")
    with pytest.raises(Unavailable):
        await Storage(tmp_path / "media", None).put("a", b"x")

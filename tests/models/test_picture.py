"""What becomes of pictures: told by their bytes, drawn anew, and nothing of the file handed on."""

import asyncio
import io
import os
import resource
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, Any

import pytest
from PIL import Image

from models.darkroom import AT_ONCE, MOST_WAITING, Darkroom
from models.errors import Refusal, Unavailable
from models.picture import LARGEST_FILE, Developed, Spoiled, _live_modestly, develop
from tests import pictures


def sizes_of(data: bytes) -> list[tuple[int, int]]:
    """Of what it became."""
    made = develop(data)
    assert isinstance(made, Developed), made
    for each in made.renditions:
        shown = pictures.opened(each.data)
        assert (shown.format, shown.size) == ("WEBP", (each.width, each.height))
    return [(each.width, each.height) for each in made.renditions]


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((2000, 1000), [(240, 120), (480, 240), (960, 480), (1600, 800)]), ((240, 240), [(240, 240)]),
        ((500, 400), [(240, 192), (500, 400)]), ((1, 1), [(1, 1)]), ((10, 900), [(3, 240), (5, 480), (10, 900)]),
    ],
)  # fmt: skip
def test_sizes(size: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
    """Given a picture, then it comes in every size that is clearly smaller, and in its own up to the largest."""
    assert sizes_of(pictures.picture(size=size)) == sizes


@pytest.mark.parametrize(("kind", "modes"), [
    ("JPEG", ["RGB", "L", "CMYK"]), ("PNG", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"]), ("GIF", ["P", "L"]),
    ("WEBP", ["RGB", "RGBA"]),
])  # fmt: skip
def test_kinds(kind: str, modes: list[str]) -> None:
    """Given any way in which these kinds keep colours, then it is read."""
    for mode in modes:
        assert sizes_of(pictures.picture(kind, (64, 48), mode)) == [(64, 48)], mode


def drawn(made: Image.Image) -> Image.Image:
    """What becomes of it, in its smallest size."""
    file = io.BytesIO()
    made.save(file, "PNG")
    done = develop(file.getvalue())
    assert isinstance(done, Developed)
    return pictures.opened(done.renditions[0].data)


def test_colours_stay() -> None:
    """Given a gradient from black to white, then it still is one, also in sixteen bits; what is clear stays clear."""
    grey = Image.linear_gradient("L").resize((64, 64))
    for made in (grey, grey.convert("RGB"), grey.convert("I").point(lambda value: value * 257).convert("I;16")):
        shown = drawn(made).convert("L")
        for height in (4, 32, 60):
            assert shown.getpixel((32, height)) == pytest.approx(grey.getpixel((32, height)), abs=8), made.mode
    clear = drawn(Image.new("RGBA", (8, 8), (255, 0, 0, 0)))
    assert clear.convert("RGBA").getchannel("A").getextrema() == (0, 0)


def test_nothing_of_the_camera_is_told() -> None:
    """Given a telephone's picture, then it is upright, and neither place nor maker nor comment are in any file."""
    data = pictures.photo()
    assert b"SecretPhone" in data
    made = develop(data)
    assert isinstance(made, Developed)
    assert (made.renditions[-1].width, made.renditions[-1].height) == (100, 400)
    for each in made.renditions:
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(pictures.opened(each.data).info)
        assert b"Secret" not in each.data
        assert b"secret" not in each.data
        assert b"EXIF" not in each.data


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_moving_pictures_stand_still(kind: str) -> None:
    """Given many frames, then the first one stays."""
    made = develop(pictures.moving(kind))
    assert isinstance(made, Developed)
    shown = pictures.opened(made.renditions[0].data)
    assert getattr(shown, "n_frames", 1) == 1
    red, _, blue = shown.convert("RGB").getpixel((30, 20))  # type: ignore[misc]
    assert red > 200
    assert blue < 60


def test_a_second_file_behind_the_first_is_lost() -> None:
    """Given a picture that is an archive with a script as well, then only the picture goes on."""
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("x.html", "<script>alert(1)</script>")
    for data in (pictures.picture("GIF"), pictures.picture("JPEG"), pictures.picture("PNG")):
        both = data + hidden.getvalue()
        assert zipfile.is_zipfile(io.BytesIO(both))
        made = develop(both)
        assert isinstance(made, Developed)
        assert all(not zipfile.is_zipfile(io.BytesIO(each.data)) for each in made.renditions)
        assert all(b"script" not in each.data for each in made.renditions)


NO_PICTURES = {
    "nothing": b"", "text": b"hello", "HTML": b"<html><script>1</script>", "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "PDF": b"%PDF-1.7", "zip": b"PK\x03\x04", "TIFF": b"II*\x00", "BMP": b"BM", "PostScript": b"%!PS-Adobe",
    "icon": b"\x00\x00\x01\x00", "RIFF that is a sound": b"RIFF\x00\x00\x00\x00WAVE",
}  # fmt: skip
BROKEN = {
    "GIF that is a page": b"GIF89a<html><script>alert(1)</script>", "only a signature": b"\x89PNG\r\n\x1a\n",
    **{
        f"half a {kind}": (whole := pictures.picture(kind, (600, 600)))[: len(whole) // 2]
        for kind in ("JPEG", "PNG", "WEBP")
    },
    "noise in a JPEG": b"\xff\xd8\xff" + b"\x00\xff" * 500,
}  # fmt: skip


@pytest.mark.parametrize("name", NO_PICTURES)
def test_no_pictures(name: str) -> None:
    """Given bytes of another kind, then that is said, whatever the file is called."""
    made = develop(NO_PICTURES[name])
    assert isinstance(made, Spoiled)
    assert made.reason == "unknown_kind"


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pictures(name: str) -> None:
    """Given a picture that ends too early or never was one, then nothing comes of it."""
    made = develop(BROKEN[name])
    assert isinstance(made, Spoiled)
    assert made.reason == "broken"


@pytest.mark.parametrize("size", [(100_000, 10), (10, 100_000), (16_001, 1), (8000, 8000), (2**31 - 1, 2**31 - 1)])
def test_bombs(size: tuple[int, int]) -> None:
    """Given a small file that would unpack to a huge picture, then it is never unpacked."""
    made = develop(pictures.bomb(*size) if max(size) < 2**20 else _claims(*size))
    assert isinstance(made, Spoiled)
    assert made.reason in ("too_large", "broken")
    assert max(size) > 2**20 or made.reason == "too_large"


def _claims(width: int, height: int) -> bytes:
    data = bytearray(pictures.picture())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(data)


Spool = Callable[[bytes], IO[bytes]]


@pytest.fixture
def spooled() -> Iterator[Spool]:
    """Makes files as a form has them."""
    with ExitStack() as opened:

        def spool(data: bytes) -> IO[bytes]:
            file: Any = opened.enter_context(tempfile.SpooledTemporaryFile(max_size=1024))
            file.write(data)
            file.seek(0)
            return file  # type: ignore[no-any-return]

        yield spool


async def test_a_darkroom_of_its_own(spooled: Spool) -> None:
    """Given good and bad files at once, then each comes out as if it were alone."""
    room = Darkroom()
    good, small, bad, large = await asyncio.gather(
        room.develop(spooled(pictures.picture(size=(1000, 500)))), room.develop(spooled(pictures.picture(size=(8, 8)))),
        room.develop(spooled(BROKEN["half a PNG"])), room.develop(spooled(bytes(LARGEST_FILE + 1))),
        return_exceptions=True,
    )  # fmt: skip
    assert [(each.width, each.height) for each in good] == [(240, 120), (480, 240), (1000, 500)]  # type: ignore[union-attr]
    assert [(each.width, each.height) for each in small] == [(8, 8)]  # type: ignore[union-attr]
    for error, reason in ((bad, "broken"), (large, "too_large")):
        assert isinstance(error, Refusal)
        assert (error.code, error.facts) == ("image_unacceptable", {"reason": reason})
    room.close()


async def test_the_loop_goes_on_while_a_picture_is_developed(spooled: Spool) -> None:
    """Given a picture of 40 million points, then the process that waits for it answers others all the time."""
    room, turns = Darkroom(), 0
    work = asyncio.create_task(room.develop(spooled(pictures.picture("PNG", (8000, 5000)))))
    while not work.done():
        turns += 1
        await asyncio.sleep(0.005)
    assert len(await work) == 4
    assert turns > 20  # of some hundreds, whatever else the machine does
    room.close()


async def test_too_many_at_once(spooled: Spool) -> None:
    """Given more than may wait, then the rest is asked to come back, and those who wait are served."""
    room, most = Darkroom(), AT_ONCE + MOST_WAITING
    files = [spooled(b"no picture") for _ in range(most + 3)]
    found = await asyncio.gather(*(room.develop(file) for file in files), return_exceptions=True)
    assert [type(each) for each in found] == [Refusal] * most + [Unavailable] * 3
    room.close()


async def test_a_decoder_that_dies(spooled: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a picture on which the program falls over, then it is refused like any other that cannot be read."""
    room = Darkroom()
    monkeypatch.setattr("models.darkroom._PROGRAM", ("/bin/sh", "-c", "kill -SEGV $$"))
    with pytest.raises(Refusal) as refused:
        await room.develop(spooled(pictures.picture()))
    assert refused.value.facts == {"reason": "broken"}
    room.close()


def test_the_program_spends_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given its limits, then they are asked for: memory, processor, and no file of its own."""
    asked = {}
    monkeypatch.setattr(resource, "setrlimit", lambda limit, most: asked.update({limit: most[1]}))
    monkeypatch.setattr(os, "nice", lambda _: 0)
    _live_modestly()
    assert asked == {
        resource.RLIMIT_AS: 2**30, resource.RLIMIT_CPU: 20, resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }  # fmt: skip

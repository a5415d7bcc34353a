"""What becomes of a picture that somebody sends: known by its bytes alone, and drawn anew in a few sizes.

Nothing of the file itself is ever handed on: no metadata, no second file hidden behind the first. Whoever sends one is
not trusted, so `models/darkroom.py` runs this as a program of its own, with no secrets and little to spend; it imports
as little as it can.
"""

import io
import os
import resource
import sys
from contextlib import suppress
from typing import Any

import msgspec
from PIL import Image, ImageCms, ImageOps

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes."""
MOST_PIXELS = 50_000_000
"""What a telephone's camera makes; some 200 MB once unpacked."""
LONGEST_SIDE = 16_000
"""Pixels. What WebP can hold is a little more."""
SIZES = (240, 480, 960, 1600)
"""Longer sides in which a picture is offered, as far as it is that large itself."""
QUALITY = 82
KIND, SUFFIX = "WEBP", "webp"
"""Every browser of the last years shows it, and it knows transparency."""

_SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "JPEG"), (b"\x89PNG\r\n\x1a\n", 0, "PNG"), (b"GIF87a", 0, "GIF"), (b"GIF89a", 0, "GIF"),
    (b"WEBP", 8, "WEBP"),
)  # fmt: skip
KINDS = ("JPEG", "PNG", "GIF", "WebP")
"""What is taken. Each more is another decoder that strangers can play with."""

_MEMORY = 1024 * 1024 * 1024
_PROCESSOR_SECONDS = 20


class Rendition(msgspec.Struct, frozen=True):
    """The picture in one size."""

    width: int
    height: int
    data: bytes


class Developed(msgspec.Struct, frozen=True, tag=True):
    """A picture ready to be shown, the smallest size first."""

    renditions: list[Rendition]


class Spoiled(msgspec.Struct, frozen=True, tag=True):
    """Why nothing came of it: `unknown_kind`, `broken`, `too_large`."""

    reason: str
    detail: str


def kind_of(head: bytes) -> str | None:
    """What the first bytes of a file say it is; what its sender calls it is not asked."""
    return next((kind for sign, at, kind in _SIGNATURES if head[at : at + len(sign)] == sign), None)


def develop(data: bytes) -> Developed | Spoiled:
    """Draw a picture anew in its sizes: upright, in sRGB, without metadata; of a moving one the first frame."""
    kind = kind_of(data)
    if kind is None:
        return Spoiled("unknown_kind", f"This is no picture of a kind we take: {', '.join(KINDS)}.")
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
                return _too_large(width, height)
            return Developed(_renditions(_flat(opened)))
    except Image.DecompressionBombError:
        return Spoiled("too_large", f"A picture has at most {MOST_PIXELS:,} pixels.")
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, MemoryError,
            RuntimeError, ImageCms.PyCMSError) as error:  # how the decoders say it  # fmt: skip
        return Spoiled("broken", f"This picture cannot be read to its end ({type(error).__name__}).")


def _flat(opened: Image.Image) -> Image.Image:
    """The first frame at the largest size we offer, upright, in plain sRGB."""
    largest = (SIZES[-1], SIZES[-1])
    opened.draft("RGB", largest)  # a JPEG is unpacked no larger than needed
    opened.load()
    picture: Image.Image = opened
    if picture.mode.startswith(("I", "F")):  # sixteen bits of grey
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode == "P" or picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode not in ("RGB", "CMYK", "L"):
        picture = picture.convert("RGB")
    profile = opened.info.get("icc_profile")
    orientation = opened.getexif()
    picture.thumbnail(largest, Image.Resampling.LANCZOS)
    if profile:
        picture = _in_srgb(picture, profile)
    if picture.mode not in ("RGB", "RGBA"):
        picture = picture.convert("RGB")
    picture.info = {"exif": orientation.tobytes()} if orientation else {}
    picture = ImageOps.exif_transpose(picture)
    picture.info = {}
    return picture


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Colours as the camera meant them. A profile that makes no sense is left out."""
    wanted = picture.mode if picture.mode in ("RGB", "RGBA") else "RGB"
    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        changed = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=wanted)
        if changed is not None:
            return changed
    return picture


def _renditions(picture: Image.Image) -> list[Rendition]:
    longest = max(picture.size)
    made = []
    for side in (*(side for side in SIZES if side * 1.2 < longest), longest):
        smaller = picture.copy()
        smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
        smaller.info = {}
        file = io.BytesIO()
        smaller.save(file, KIND, quality=QUALITY, method=4, exif=b"", icc_profile=b"", xmp=b"")
        made.append(Rendition(*smaller.size, file.getvalue()))
    return made


def _too_large(width: int, height: int) -> Spoiled:
    return Spoiled(
        "too_large",
        f"{width} × {height} pixels are too many: at most {MOST_PIXELS:,}, and {LONGEST_SIDE:,} on a side.",
    )


def _live_modestly() -> None:
    """Whatever a decoder is talked into, it ends with this process, and soon."""
    limits: list[tuple[int, int]] = [
        (resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CPU, _PROCESSOR_SECONDS), (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ]  # fmt: skip
    for limit, most in limits:
        with suppress(ValueError, OSError):  # not every system knows each
            resource.setrlimit(limit, (most, most))
    os.nice(10)


def main(source: Any, target: Any) -> None:
    """The program: a picture in, what became of it out."""
    _live_modestly()
    target.write(msgspec.msgpack.encode(develop(source.read(LARGEST_FILE + 1))))
    target.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)

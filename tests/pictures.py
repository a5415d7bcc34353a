"""Pictures as strangers send them: good ones, and such that mean no good."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 200), mode: str = "RGB", **options: Any) -> bytes:
    """A file with a gradient in it."""
    file = io.BytesIO()
    shades = Image.linear_gradient("L").resize(size)
    made = Image.merge("RGB", (shades, shades.rotate(180), shades)).convert(mode)
    made.save(file, kind, **options)
    return file.getvalue()


def photo() -> bytes:
    """What a telephone takes: turned on its side, and telling where it was."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right
    exif[0x010F] = "SecretPhone"
    exif.get_ifd(0x8825)[1] = "N"
    return picture("JPEG", (400, 100), exif=exif, comment=b"secret comment")


def moving(kind: str = "GIF", frames: int = 3) -> bytes:
    """Red first, then blue."""
    colours = ["red", *["blue"] * (frames - 1)]
    first, *others = [Image.new("RGB", (64, 48), colour) for colour in colours]
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=others, duration=100)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and is nothing but zeros: small as a file, huge once unpacked."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeezed = zlib.compressobj(9)
    rows = b"".join(squeezed.compress(bytes(1 + width // 8)) for _ in range(min(height, 20_000))) + squeezed.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def opened(data: bytes) -> Image.Image:
    """The same as Pillow sees it."""
    return Image.open(io.BytesIO(data))

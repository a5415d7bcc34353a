"""One picture a product: a backdrop that suits its colours, light, shadow, and the drawing of its kind."""

from collections.abc import Callable
from html import escape
from zlib import crc32

from dev.pictures import apparel, bags, camp, garden, kitchen, living, paper
from dev.pictures.paint import COLOURS, Paint, luminance, mix

_ROOMS = (kitchen, living, camp, bags, garden, apparel, paper)
STANDING: dict[str, Callable[[Paint], str]] = {k: drawing for room in _ROOMS for k, drawing in room.STANDING.items()}
FLAT: dict[str, Callable[[Paint], str]] = {k: drawing for room in _ROOMS for k, drawing in room.FLAT.items()}
KINDS = frozenset(STANDING | FLAT)
"""What can be drawn."""

_BACKDROPS = ("#efe4d3", "#dfe5d8", "#e9dcd6", "#d9e2e6", "#f1e3c8", "#dcd6cc", "#c9d3cc", "#e3cfc0", "#b9c4c9")


def draw(slug: str, title: str, kind: str, main: str, accent: str, word: str = "") -> str:
    """A square SVG of a product of this kind, in two colours by name; the same arguments give the same bytes.

    word: what is printed on it, lines apart by `|`. Raises: KeyError for an unknown kind or colour.
    """
    paint = Paint(COLOURS[main], COLOURS[accent], word)
    backdrop = _backdrop(slug, paint)
    standing = kind in STANDING
    drawing = (STANDING[kind] if standing else FLAT[kind])(paint)
    floor = (
        f'<rect y="560" width="800" height="240" fill="{mix(backdrop, "#ffffff", 0.28)}"/>'
        '<ellipse cx="400" cy="646" rx="270" ry="26" fill="url(#ground)"/>'
        if standing
        else ""
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800" width="800" height="800" role="img">'
        f"<title>{escape(title)}</title>{_light(paint, backdrop)}"
        f'<rect width="800" height="800" fill="url(#wall)"/>{_shape(slug, backdrop)}{floor}'
        f'<g filter="url(#lift)">{drawing}</g></svg>\n'
    )


def _backdrop(slug: str, paint: Paint) -> str:
    """One of those that differ enough from the product to let it stand out."""
    brightness = luminance(paint.main)
    apart = [colour for colour in _BACKDROPS if abs(luminance(colour) - brightness) > 0.12]
    choices = apart or [_BACKDROPS[-1]]
    return choices[crc32(slug.encode()) % len(choices)]


def _shape(slug: str, backdrop: str) -> str:
    tone = mix(backdrop, "#ffffff", 0.42)
    shapes = (
        f'<circle cx="400" cy="380" r="300" fill="{tone}"/>',
        f'<path d="M140 800 L140 360 A260 260 0 0 1 660 360 L660 800 Z" fill="{tone}"/>',
        f'<path d="M0 800 L800 210 L800 800 Z" fill="{tone}" opacity=".7"/>',
        f'<rect x="90" y="90" width="620" height="620" rx="40" fill="{tone}" opacity=".8"/>',
        f'<circle cx="560" cy="250" r="190" fill="{tone}"/>',
    )
    return shapes[crc32(slug[::-1].encode()) % len(shapes)]


def _light(paint: Paint, backdrop: str) -> str:
    def down(name: str, *stops: str) -> str:
        return _gradient(name, 'x1="0" y1="0" x2="0" y2="1"', stops)

    def across(name: str, *stops: str) -> str:
        return _gradient(name, 'x1="0" y1="0" x2="1" y2="0"', stops)

    def lit(colour: str) -> tuple[str, ...]:
        return mix(colour, "#1c1a20", 0.12), mix(colour, "#ffffff", 0.2), colour, mix(colour, "#1c1a20", 0.3)

    return "".join(
        (
            "<defs>",
            down("wall", mix(backdrop, "#ffffff", 0.12), mix(backdrop, "#3a3026", 0.06)),
            down("body", mix(paint.main, "#ffffff", 0.14), mix(paint.main, "#1c1a20", 0.12)),
            across("round", *lit(paint.main)),
            across("trim", *lit(paint.accent)),
            down("barrel", mix(paint.main, "#ffffff", 0.45), paint.main, paint.dark),
            across("wood", "#7d5c41", "#b08a62", "#a37c55", "#7a583d"),
            across("metal", "#8c979e", "#dfe5e8", "#b7c0c6", "#7f8a91"),
            across("brass", "#96743a", "#e4c886", "#bd9547", "#84652f"),
            '<radialGradient id="glow"><stop offset="0" stop-color="#fff2c4" stop-opacity=".95"/>'
            '<stop offset="1" stop-color="#fff2c4" stop-opacity="0"/></radialGradient>',
            '<radialGradient id="ground"><stop offset="0" stop-color="#2a2018" stop-opacity=".42"/>'
            '<stop offset="1" stop-color="#2a2018" stop-opacity="0"/></radialGradient>',
            '<filter id="lift" filterUnits="userSpaceOnUse" x="0" y="0" width="800" height="800">'
            # feDropShadow would say it in one word, but not every renderer knows it.
            '<feGaussianBlur in="SourceAlpha" stdDeviation="12"/><feOffset dy="10"/>'
            '<feComponentTransfer><feFuncA type="linear" slope=".26"/></feComponentTransfer>'
            '<feMerge><feMergeNode/><feMergeNode in="SourceGraphic"/></feMerge></filter>',
            "</defs>",
        )
    )


def _gradient(name: str, direction: str, stops: tuple[str, ...]) -> str:
    steps = "".join(
        f'<stop offset="{index / (len(stops) - 1):.2g}" stop-color="{colour}"/>' for index, colour in enumerate(stops)
    )
    return f'<linearGradient id="{name}" {direction}>{steps}</linearGradient>'

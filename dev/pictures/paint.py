"""Colours by name, and the few SVG strokes every drawing is made of."""

from dataclasses import dataclass

COLOURS = {
    "black": "#2a2b2d", "berry": "#8e3b4e", "blush": "#dfae9f", "brass": "#c09a4f", "charcoal": "#44484c",
    "clay": "#bb6a4c", "clear": "#cfe0e0", "cream": "#f2e8d5", "forest": "#33513f", "ink": "#2c3e55",
    "iron": "#37393b", "moss": "#73865f", "navy": "#26385a", "oak": "#c99f70", "oat": "#e4d6bd",
    "ochre": "#cd9a3c", "olive": "#6f6f42", "plum": "#6a4560", "rust": "#ad5433", "sand": "#d5bd98",
    "sky": "#8fb5cc", "slate": "#64727e", "smoke": "#7d8589", "steel": "#b4bcc2", "teal": "#2f7276",
    "terracotta": "#c8734f", "walnut": "#6f4d37", "white": "#f5f3ee",
}  # fmt: skip
"""Every colour a product can have, as sRGB."""


def mix(one: str, other: str, share: float) -> str:
    """`one` with `share` (0 to 1) of `other` stirred in."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def luminance(colour: str) -> float:
    """How bright a colour looks, 0 to 1."""
    red, green, blue = _channels(colour)
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@dataclass(frozen=True)
class Paint:
    """What a drawing may use: the product's colour and a second one, each flat, shaded and as gradients."""

    main: str
    accent: str
    word: str = ""
    """Printed on what carries print, such as a book."""

    body = "url(#body)"
    """The main colour lit from above."""
    round = "url(#round)"
    """The main colour around a cylinder lit from the left."""
    trim = "url(#trim)"
    """The second colour around a cylinder."""
    wood = "url(#wood)"
    metal = "url(#metal)"

    @property
    def light(self) -> str:
        return mix(self.main, "#ffffff", 0.3)

    @property
    def pale(self) -> str:
        return mix(self.main, "#ffffff", 0.62)

    @property
    def dark(self) -> str:
        return mix(self.main, "#1c1a20", 0.25)

    @property
    def deep(self) -> str:
        return mix(self.main, "#1c1a20", 0.5)

    @property
    def accent_dark(self) -> str:
        return mix(self.accent, "#1c1a20", 0.3)


def path(d: str, fill: str, opacity: float = 1) -> str:
    """A filled shape."""
    return f'<path d="{d}" fill="{fill}"{_faded(opacity)}/>'


def stroke(d: str, colour: str, width: float, dash: str = "", opacity: float = 1) -> str:
    """A line with round ends."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round" '
        f'stroke-linejoin="round"{dashes}{_faded(opacity)}/>'
    )


def box(x: float, y: float, width: float, height: float, radius: float, fill: str, opacity: float = 1) -> str:
    """A rectangle with rounded corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" fill="{fill}"'
        f"{_faded(opacity)}/>"
    )


def oval(x: float, y: float, across: float, down: float, fill: str, opacity: float = 1) -> str:
    """An ellipse by its centre and two radii."""
    return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{across:g}" ry="{down:g}" fill="{fill}"{_faded(opacity)}/>'


def turned(degrees: float, *parts: str) -> str:
    """The parts turned about the middle of the picture."""
    return f'<g transform="rotate({degrees:g} 400 400)">{"".join(parts)}</g>'


def moved(x: float, y: float, scale: float, *parts: str) -> str:
    """The parts scaled about the middle of the floor (400, 640), then moved."""
    shift = f"translate({400 + x:g} {640 + y:g}) scale({scale:g}) translate(-400 -640)"
    return f'<g transform="{shift}">{"".join(parts)}</g>'


def _faded(opacity: float) -> str:
    return "" if opacity == 1 else f' opacity="{opacity:g}"'

"""Books and what is written on."""

from collections.abc import Callable
from html import escape

from dev.pictures.paint import Paint, box, oval, path, stroke, turned


def _book(p: Paint, motif: str) -> str:
    lines = p.word.split("|")
    title = "".join(
        f'<text x="408" y="{250 + 46 * i}" font-family="Georgia, \'DejaVu Serif\', serif" font-size="40" '
        f'text-anchor="middle" fill="{p.accent}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return "".join(
        (
            path("M226 660 L586 660 L600 646 L600 150 L586 146 Z", "#efe7d6"),
            stroke("M592 156 L592 652 M597 154 L597 648", "#cfc4ac", 2),
            box(212, 140, 376, 520, 8, p.body),
            box(212, 140, 36, 520, 8, p.dark),
            box(248, 140, 5, 520, 0, p.deep, 0.35),
            title,
            motif,
            box(348, 622, 120, 5, 2, p.accent, 0.8),
        )
    )


def book_kitchen(p: Paint) -> str:
    """A cookery book: a steaming bowl."""
    bowl = path("M308 500 L508 500 Q500 590 440 590 L376 590 Q316 590 308 500 Z", p.accent)
    steam = "".join(stroke(f"M{x} 470 q-18 -26 0 -50 t0 -50", p.accent, 7, opacity=0.8) for x in (368, 408, 448))
    return _book(p, bowl + steam)


def book_hills(p: Paint) -> str:
    """A book about quiet places: hills and a sun."""
    hills = (
        oval(450, 430, 44, 44, p.accent)
        + path("M253 520 Q330 400 410 480 Q480 540 588 440 L588 600 L253 600 Z", p.light, 0.9)
        + path("M253 570 Q340 490 430 540 Q510 570 588 510 L588 600 L253 600 Z", p.deep)
    )
    return _book(p, hills)


def book_knot(p: Paint) -> str:
    """A book of knots: a figure of eight."""
    rope = "M300 580 C420 560 500 500 450 440 C410 400 340 430 370 480 C400 530 510 560 530 420"
    return _book(p, stroke(rope, p.dark, 28) + stroke(rope, p.accent, 20) + stroke(rope, p.main, 4, "4 12"))


def book_needle(p: Paint) -> str:
    """A book of mending: needle, thread and a darned patch."""
    patch = "".join(
        stroke(
            f"M{340 + 22 * i} 420 L{340 + 22 * i} 550 M328 {434 + 20 * i} L484 {434 + 20 * i}",
            p.accent,
            5,
            opacity=0.75,
        )
        for i in range(7)
    )
    return _book(p, patch + stroke("M470 580 L540 400", "#e9ecef", 7) + stroke("M538 402 q40 60 -10 110", p.accent, 4))


def book_leaf(p: Paint) -> str:
    """A gardener's year: a branch."""
    leaves = "".join(
        path(f"M408 {y} Q{408 + 60 * s} {y - 60} {408 + 100 * s} {y - 34} Q{408 + 70 * s} {y + 14} 408 {y} Z", p.accent)
        for y, s in ((570, 1), (530, -1), (490, 1), (450, -1))
    )
    return _book(p, stroke("M408 600 Q404 500 408 390", p.accent, 7) + leaves)


def notebook(p: Paint) -> str:
    """Two cloth-bound notebooks with elastic bands."""
    one = (
        box(250, 150, 300, 440, 16, p.body)
        + box(250, 150, 26, 440, 10, p.dark)
        + box(506, 150, 12, 440, 0, p.accent)
        + box(330, 220, 130, 74, 4, "#f8f2e6")
        + box(350, 246, 90, 6, 3, p.deep, 0.6)
        + box(350, 264, 60, 6, 3, p.deep, 0.4)
    )
    other = box(250, 150, 300, 440, 16, p.trim) + box(250, 150, 26, 440, 10, p.accent_dark)
    return turned(9, f'<g transform="translate(60 70)">{other}</g>') + turned(
        -5, f'<g transform="translate(-30 20)">{one}</g>'
    )


def pen(p: Paint) -> str:
    """A brass pen on a line it has just drawn."""
    return "".join(
        (
            stroke("M130 640 q40 -60 80 -10 t80 0 t80 0 t80 -20", "#3b3f46", 5),
            '<g transform="rotate(-42 400 400)">',
            path("M100 400 L170 376 L170 424 Z", "#e8d9b8"),
            path("M100 400 L122 392 L122 408 Z", "#33363b"),
            box(168, 372, 400, 56, 10, "url(#barrel)"),
            box(360, 368, 14, 64, 3, p.dark),
            box(566, 378, 110, 44, 12, "url(#barrel)"),
            box(500, 356, 150, 12, 6, p.dark),
            "</g>",
        )
    )


def cards(p: Paint) -> str:
    """A fan of letter cards with an envelope."""

    def card(motif: str) -> str:
        return box(270, 170, 260, 360, 8, "#fbf7ee") + motif

    leaf = path("M400 460 Q330 380 400 250 Q470 380 400 460 Z", p.main) + stroke("M400 490 L400 280", p.dark, 5)
    sun = oval(400, 340, 66, 66, p.accent) + stroke("M310 440 L490 440 M330 466 L470 466", p.dark, 6)
    envelope = box(220, 470, 360, 210, 10, p.trim) + path(
        "M220 478 L400 600 L580 478 L580 470 L220 470 Z", p.accent_dark, 0.5
    )
    return turned(-12, card(sun)) + turned(8, card(leaf)) + envelope


STANDING: dict[str, Callable[[Paint], str]] = {}
FLAT: dict[str, Callable[[Paint], str]] = {
    "book-kitchen": book_kitchen, "book-hills": book_hills, "book-knot": book_knot, "book-needle": book_needle,
    "book-leaf": book_leaf, "notebook": notebook, "pen": pen, "cards": cards,
}  # fmt: skip

"""What makes things grow."""

from dev.pictures.paint import Paint, box, oval, path, stroke, turned


def planter(p: Paint) -> str:
    """A planter with something growing in it."""
    leaves = ((400, 90), (330, 130), (470, 130), (280, 210), (520, 210))
    green = "".join(
        path(f"M400 430 Q{x - 56} {y + 110} {x} {y} Q{x + 56} {y + 110} 400 430 Z", "#5f8061" if i % 2 else "#466a4e")
        + stroke(f"M400 430 Q{(x + 400) / 2:g} {y + 140} {x} {y + 24}", "#8fae8c", 3, opacity=0.7)
        for i, (x, y) in enumerate(leaves)
    )
    return (
        green
        + path("M236 400 L564 400 L530 620 Q526 640 506 640 L294 640 Q274 640 270 620 Z", p.round)
        + box(216, 376, 368, 66, 12, p.body)
        + box(216, 432, 368, 10, 4, p.deep, 0.3)
    )


def watering_can(p: Paint) -> str:
    """A watering can with a long spout."""
    return "".join(
        (
            stroke("M280 400 C180 220 470 180 470 380", p.dark, 20),
            path("M500 540 L668 300 L700 316 L540 620 Z", p.dark),
            path("M650 270 L730 320 L716 344 L640 300 Z", "url(#brass)"),
            path("M250 390 L530 390 L550 620 Q550 640 530 640 L250 640 Q230 640 230 620 Z", p.round),
            oval(390, 390, 140, 28, p.light),
            oval(390, 394, 122, 20, p.deep),
            box(236, 560, 308, 12, 0, p.deep, 0.3),
            box(242, 440, 298, 10, 0, p.deep, 0.25),
        )
    )


def secateurs(p: Paint) -> str:
    """Secateurs, slightly open."""
    return turned(
        28,
        path("M400 400 Q350 250 380 110 Q440 170 436 400 Z", p.metal),
        path("M400 400 Q470 300 490 190 Q400 230 372 390 Z", "#8d969c"),
        path("M370 390 Q300 520 316 690 Q330 716 356 700 Q372 560 430 420 Z", p.body),
        path("M430 390 Q500 520 484 690 Q470 716 444 700 Q428 560 370 420 Z", p.dark),
        oval(400, 400, 26, 26, "url(#brass)"),
        oval(400, 400, 10, 10, "#5a4a2a"),
    )


def seeds(p: Paint) -> str:
    """A paper packet with a flower on it, seeds beside it."""
    petals = "".join(
        f'<g transform="rotate({45 * i} 400 380)">{oval(400, 330, 24, 58, p.main if i % 2 else p.light)}</g>'
        for i in range(8)
    )
    scattered = "".join(
        oval(x, y, 9, 5, "#6b4b32") for x, y in ((600, 630), (626, 642), (648, 624), (586, 646), (620, 616))
    )
    return "".join(
        (
            scattered,
            box(240, 150, 320, 490, 8, "#f6edda"),
            path("M240 158 Q240 150 248 150 L552 150 Q560 150 560 158 L560 210 L240 210 Z", p.accent),
            stroke("M400 440 Q396 520 400 570", "#5f8061", 9),
            path("M400 530 Q340 520 330 470 Q392 476 400 530 Z", "#5f8061"),
            petals,
            oval(400, 380, 26, 26, "#e2ae45"),
            box(310, 592, 180, 10, 5, p.accent_dark),
            box(320, 174, 160, 12, 6, "#ffffff", 0.85),
        )
    )


STANDING = {"planter": planter, "watering-can": watering_can, "seeds": seeds}
FLAT = {"secateurs": secateurs}

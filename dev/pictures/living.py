"""What makes a room: textiles, light, vessels."""

from dev.pictures.paint import Paint, box, moved, oval, path, stroke


def blanket(p: Paint) -> str:
    """A folded blanket with a woven stripe and fringes."""
    fringe = "".join(stroke(f"M{x} 618 L{x - 4} 654", p.dark, 6) for x in range(200, 610, 18))
    layers = "".join(
        box(180, 470 - 90 * i, 440, 100, 46, p.body) + box(180, 552 - 90 * i, 440, 10, 5, p.deep, 0.25)
        for i in range(3)
    )
    stripes = "".join(
        box(x, 290, width, 330, 0, p.accent, 0.85) for x, width in ((480, 34), (526, 12), (300, 12), (250, 34))
    )
    return (
        fringe
        + box(180, 540, 440, 84, 30, p.dark)
        + layers
        + stripes
        + stroke("M196 384 L604 384", p.deep, 4, opacity=0.3)
    )


def cushion(p: Paint) -> str:
    """A square cushion with piping."""
    shape = "M160 180 Q400 215 640 180 Q610 400 640 640 Q400 605 160 640 Q190 400 160 180 Z"
    weave = "".join(
        stroke(f"M{170 + 46 * i} {196 + abs(5 - i)} Q{178 + 44 * i} 410 {170 + 46 * i} 624", p.dark, 3, opacity=0.22)
        for i in range(1, 10)
    )
    return (
        path(shape, p.body)
        + weave
        + stroke(shape, p.accent, 11)
        + path("M210 240 Q330 250 420 246 Q260 300 236 420 Z", "#ffffff", 0.12)
        + path("M590 600 Q480 580 400 588 Q540 540 568 420 Z", p.deep, 0.15)
    )


def rug(p: Paint) -> str:
    """A round-edged rug in rings of two tones."""
    fringes = "".join(stroke(f"M{x} 150 L{x} 120 M{x} 650 L{x} 680", p.dark, 5) for x in range(206, 600, 16))
    rings = "".join(
        box(190 + 34 * i, 150 + 40 * i, 420 - 68 * i, 500 - 80 * i, 10, p.accent if i % 2 else p.main) for i in range(6)
    )
    rows = "".join(stroke(f"M194 {y} L606 {y}", p.deep, 2, "7 6", 0.3) for y in range(160, 650, 12))
    return fringes + rings + rows


def lamp(p: Paint) -> str:
    """A table lamp that is on."""
    return "".join(
        (
            oval(400, 400, 290, 250, "url(#glow)"),
            box(388, 390, 24, 220, 8, p.round),
            oval(400, 618, 116, 24, p.dark),
            oval(400, 610, 116, 22, p.round),
            path("M310 180 L490 180 L570 400 L230 400 Z", "#fbf0d6"),
            path("M310 180 L400 180 L400 400 L230 400 Z", "#ffffff", 0.25),
            path("M230 400 L570 400 L566 388 L234 388 Z", p.accent),
            stroke("M450 404 L450 470", p.dark, 4),
            oval(450, 476, 8, 8, p.main),
        )
    )


def pendant(p: Paint) -> str:
    """A paper globe on a cord."""
    ribs = "".join(
        stroke(f"M{400 - w} {y} Q400 {y + w * 0.16:g} {400 + w} {y}", p.dark, 3, opacity=0.3)
        for y, w in ((270, 150), (320, 196), (370, 218), (420, 224), (470, 216), (520, 192), (570, 144))
    )
    return (
        stroke("M400 0 L400 210", "#3a3a3a", 5)
        + box(376, 190, 48, 36, 8, p.accent_dark)
        + oval(400, 420, 330, 320, "url(#glow)")
        + oval(400, 420, 226, 214, p.round)
        + ribs
        + oval(400, 626, 60, 10, p.pale)
    )


def candle(p: Paint) -> str:
    """A candle burning in its jar."""
    return "".join(
        (
            oval(400, 300, 200, 200, "url(#glow)"),
            box(280, 360, 240, 280, 26, p.round),
            oval(400, 366, 120, 24, p.light),
            oval(400, 370, 104, 17, "#f7ecd2"),
            stroke("M400 370 L400 340", "#3a2f2a", 6),
            path("M400 240 Q446 306 424 336 Q400 358 376 336 Q354 306 400 240 Z", "#f3a73c"),
            path("M400 286 Q422 322 412 338 Q400 348 388 338 Q378 322 400 286 Z", "#fff1c4"),
            box(310, 450, 180, 110, 6, "#f8f2e6"),
            box(340, 482, 120, 8, 4, p.accent_dark),
            box(360, 506, 80, 6, 3, p.accent_dark, 0.6),
            box(352, 526, 96, 6, 3, p.accent_dark, 0.6),
        )
    )


def vase(p: Paint) -> str:
    """A bellied vase with three dried stems."""
    stems = "".join(
        stroke(f"M400 300 Q{(400 + x) / 2:g} 220 {x} {y}", "#9a8a5c", 5)
        + "".join(
            oval(x + (400 - x) * t / 4 + (10 if i % 2 else -10), y + 16 * i + 6, 11, 17, p.accent)
            for i, t in enumerate((0.1, 0.3, 0.5, 0.7, 0.9))
        )
        for x, y in ((300, 110), (410, 80), (510, 130))
    )
    outline = (
        "M360 290 L440 290 Q436 350 490 400 Q580 500 500 620 Q486 640 460 640 L340 640 "
        "Q314 640 300 620 Q220 500 310 400 Q364 350 360 290 Z"
    )
    return (
        stems
        + path(outline, p.round)
        + oval(400, 290, 42, 11, p.deep)
        + stroke("M276 490 Q282 450 316 424", "#ffffff", 12, opacity=0.3)
    )


def clock(p: Paint) -> str:
    """A wall clock at ten past ten."""
    return "".join(
        (
            oval(400, 400, 250, 250, p.dark),
            oval(400, 396, 248, 248, p.body),
            oval(400, 400, 208, 208, "#faf6ee"),
            *(
                f'<rect x="396" y="208" width="8" height="{34 if i % 3 == 0 else 18}" rx="3" fill="#38342f" '
                f'transform="rotate({30 * i} 400 400)"/>'
                for i in range(12)
            ),
            stroke("M400 400 L300 342", "#38342f", 13),
            stroke("M400 400 L530 320", "#38342f", 9),
            stroke("M380 440 L440 300", p.accent, 4),
            oval(400, 400, 14, 14, p.accent),
        )
    )


def basket(p: Paint) -> str:
    """A woven basket, its upper half dyed."""
    rows = "".join(
        stroke(
            f"M{232 + (y - 330) * 0.12:g} {y} Q400 {y + 34} {568 - (y - 330) * 0.12:g} {y}",
            p.deep,
            5,
            f"{22 + i % 2 * 4} 10",
            0.45,
        )
        for i, y in enumerate(range(350, 616, 22))
    )
    return "".join(
        (
            stroke("M250 350 Q230 230 310 240 Q360 250 350 350", p.dark, 18),
            stroke("M450 350 Q440 250 490 240 Q570 230 550 350", p.dark, 18),
            path("M224 330 L576 330 L540 610 Q534 640 500 640 L300 640 Q266 640 260 610 Z", p.round),
            path("M224 330 L576 330 L562 440 Q400 476 238 440 Z", p.accent, 0.85),
            rows,
            oval(400, 330, 176, 36, p.light),
            oval(400, 334, 160, 27, p.deep),
        )
    )


def frame(p: Paint) -> str:
    """A frame with a landscape print."""
    return "".join(
        (
            box(190, 120, 420, 540, 6, p.dark),
            box(190, 114, 420, 540, 6, p.body),
            box(216, 140, 368, 488, 2, "#fbf8f1"),
            box(272, 206, 256, 356, 0, "#e9dcc4"),
            oval(452, 300, 40, 40, "#d98e5f"),
            path("M272 420 Q340 330 400 390 Q460 440 528 360 L528 562 L272 562 Z", "#8ba394"),
            path("M272 480 Q350 420 420 470 Q480 510 528 460 L528 562 L272 562 Z", "#4c6a5c"),
        )
    )


def towel(p: Paint) -> str:
    """Rolled and folded towels in a pile."""
    waffle = "".join(
        stroke(f"M{x} {y} h14", p.dark, 3, opacity=0.3) for y in range(452, 612, 20) for x in range(220, 580, 28)
    )
    return "".join(
        (
            *(box(190, 430 + 72 * i, 420, 66, 32, p.body if i % 2 == 0 else p.light) for i in range(3)),
            waffle,
            box(220, 330, 360, 100, 50, p.trim),
            oval(560, 380, 42, 50, p.accent),
            stroke("M560 356 a24 24 0 1 0 22 24 a14 14 0 1 0 -24 10", p.accent_dark, 5, opacity=0.6),
            stroke("M212 486 L588 486 M212 558 L588 558", p.deep, 3, opacity=0.25),
        )
    )


def soap(p: Paint) -> str:
    """Two bars of soap, one wrapped in a paper band."""
    bar = box(260, 500, 300, 140, 34, p.round) + box(280, 512, 240, 16, 8, "#ffffff", 0.3)
    band = (
        box(350, 498, 120, 144, 0, "#f8f2e6") + box(374, 556, 72, 7, 3, p.deep) + box(386, 576, 48, 5, 2, p.deep, 0.6)
    )
    bubbles = "".join(
        oval(x, y, r, r, "#ffffff", 0.7) for x, y, r in ((560, 300, 26), (600, 356, 14), (528, 350, 10), (250, 330, 18))
    )
    return bubbles + moved(-30, 0, 1, bar, band) + moved(20, -140, 0.86, bar)


STANDING = {
    "blanket": blanket, "lamp": lamp, "candle": candle, "vase": vase, "basket": basket, "towel": towel, "soap": soap,
}  # fmt: skip
FLAT = {"cushion": cushion, "rug": rug, "pendant": pendant, "clock": clock, "frame": frame}

"""What is worn, laid out flat."""

from dev.pictures.paint import Paint, box, oval, path, stroke

SLEEVES = (
    "M300 170 Q400 222 500 170 L590 206 L684 560 L606 590 L566 420 L566 650 Q400 668 234 650 "
    "L234 420 L194 590 L116 560 L210 206 Z"
)


def tee(p: Paint) -> str:
    """A T-shirt with a chest pocket."""
    shape = (
        "M296 160 Q400 218 504 160 L612 206 L690 350 L604 398 L572 344 L572 640 Q400 660 228 640 "
        "L228 344 L196 398 L110 350 L188 206 Z"
    )
    return "".join(
        (
            path(shape, p.body),
            path("M296 160 Q400 218 504 160 L486 152 Q400 196 314 152 Z", p.dark),
            stroke("M288 168 Q400 236 512 168", p.dark, 5, opacity=0.6),
            stroke("M228 344 Q236 280 222 226 M572 344 Q564 280 578 226", p.deep, 4, opacity=0.3),
            path("M448 300 L524 300 L524 372 L486 392 L448 372 Z", p.light, 0.7),
            stroke("M448 316 L524 316", p.dark, 3, opacity=0.6),
            path("M240 560 Q330 590 360 640 Q290 648 232 640 Z", p.deep, 0.12),
        )
    )


def striped(p: Paint) -> str:
    """A long-sleeved shirt with sailor's stripes."""
    rows = "".join(box(100, y, 600, 17, 0, p.accent) for y in range(270, 640, 48))
    return "".join(
        (
            f'<clipPath id="cut"><path d="{SLEEVES}"/></clipPath>',
            path(SLEEVES, p.body),
            f'<g clip-path="url(#cut)">{rows}</g>',
            stroke("M290 174 Q400 240 510 174", p.dark, 12),
            stroke("M234 420 Q244 320 226 240 M566 420 Q556 320 574 240", p.deep, 4, opacity=0.35),
        )
    )


def jumper(p: Paint) -> str:
    """A knitted jumper with cables."""
    cables = "".join(
        stroke(f"M{x} 250 " + " ".join(f"q{16 if i % 2 else -16} 17 0 34" for i in range(11)), p.dark, 6, opacity=0.55)
        + stroke(
            f"M{x} 250 " + " ".join(f"q{-16 if i % 2 else 16} 17 0 34" for i in range(11)), p.light, 5, opacity=0.7
        )
        for x in (310, 400, 490)
    )
    ribs = "".join(stroke(f"M{x} 622 L{x} 652", p.dark, 4, opacity=0.5) for x in range(246, 566, 14))
    return "".join(
        (
            path(SLEEVES, p.body),
            stroke("M296 168 Q400 236 504 168", p.dark, 26),
            stroke("M296 166 Q400 234 504 166", p.light, 16, "5 5"),
            cables,
            ribs,
            stroke("M120 548 L198 576 M680 548 L602 576", p.dark, 8, opacity=0.6),
            stroke("M234 420 Q246 320 226 240 M566 420 Q554 320 574 240", p.deep, 5, opacity=0.35),
        )
    )


def shirt(p: Paint) -> str:
    """A buttoned shirt with a collar."""
    return "".join(
        (
            path(SLEEVES, p.body),
            path("M388 210 L412 210 L412 656 L388 656 Z", p.light, 0.75),
            *(oval(400, y, 7, 7, p.accent) for y in range(270, 640, 70)),
            path("M300 168 L400 222 L352 290 L282 196 Z", p.light),
            path("M500 168 L400 222 L448 290 L518 196 Z", p.light),
            stroke("M300 168 L400 222 L352 290 L282 196 M500 168 L400 222 L448 290 L518 196", p.dark, 3, opacity=0.6),
            path("M460 330 L540 330 L540 410 L500 428 L460 410 Z", p.dark, 0.25),
            stroke("M234 420 Q246 320 226 240 M566 420 Q554 320 574 240", p.deep, 4, opacity=0.3),
            stroke("M122 540 L202 568 M678 540 L598 568", p.dark, 5, opacity=0.5),
        )
    )


def jacket(p: Paint) -> str:
    """A hooded rain shell, its zip in the second colour."""
    return "".join(
        (
            path("M290 190 Q280 90 400 86 Q520 90 510 190 Q400 260 290 190 Z", p.dark),
            path("M318 190 Q316 122 400 120 Q484 122 482 190 Q400 236 318 190 Z", p.deep),
            path(SLEEVES, p.body),
            path("M210 206 L300 170 Q400 222 500 170 L590 206 L606 270 Q400 320 194 270 Z", p.dark, 0.55),
            stroke("M400 208 L400 652", p.accent, 10),
            stroke("M290 470 L340 560 M510 470 L460 560", p.accent, 8),
            stroke("M234 420 Q246 320 226 250 M566 420 Q554 320 574 250", p.deep, 5, opacity=0.4),
            box(458, 330, 60, 22, 4, p.accent),
            stroke("M126 530 L206 558 M674 530 L594 558", p.deep, 8, opacity=0.5),
        )
    )


def vest(p: Paint) -> str:
    """A quilted vest."""
    body = "M304 160 Q400 200 496 160 L556 190 Q540 300 578 370 L570 650 Q400 668 230 650 L222 370 Q260 300 244 190 Z"
    quilt = "".join(stroke(f"M226 {y} Q400 {y + 30} 574 {y}", p.deep, 4, opacity=0.4) for y in range(250, 640, 54))
    return "".join(
        (
            path("M300 166 L320 110 Q400 130 480 110 L500 166 Q400 204 300 166 Z", p.dark),
            path(body, p.body),
            quilt,
            path("M226 600 L574 600 L570 650 Q400 668 230 650 Z", p.dark, 0.5),
            stroke("M400 190 L400 660", p.accent, 9),
            stroke("M286 480 L330 570 M514 480 L470 570", p.deep, 7),
        )
    )


def trousers(p: Paint) -> str:
    """Straight trousers with a belt loop or two."""
    return "".join(
        (
            path("M264 110 L536 110 Q560 300 566 700 L434 700 L402 330 L366 700 L234 700 Q240 300 264 110 Z", p.body),
            path("M264 110 L536 110 L540 158 L260 158 Z", p.dark),
            stroke("M402 160 L402 330", p.deep, 5, opacity=0.5),
            stroke("M272 160 Q300 240 256 260 M528 160 Q500 240 544 260", p.deep, 5, opacity=0.5),
            *(box(x, 102, 14, 62, 3, p.light) for x in (300, 366, 430, 492)),
            oval(402, 134, 9, 9, p.accent),
            stroke("M302 300 Q296 500 300 680 M500 300 Q506 500 502 680", p.light, 4, opacity=0.5),
            stroke("M236 680 L368 680 M434 680 L564 680", p.deep, 4, "10 7", 0.5),
        )
    )


def beanie(p: Paint) -> str:
    """A ribbed hat with a turned-up brim."""
    ribs = "".join(
        stroke(f"M{x} 440 Q{400 + (x - 400) * 0.78:g} 250 {400 + (x - 400) * 0.12:g} 180", p.dark, 5, opacity=0.45)
        for x in range(216, 600, 32)
    )
    brim = "".join(stroke(f"M{x} 446 L{x} 546", p.dark, 6, opacity=0.5) for x in range(196, 620, 24))
    return "".join(
        (
            path("M196 460 Q190 180 400 172 Q610 180 604 460 Z", p.body),
            ribs,
            box(176, 432, 448, 130, 34, p.light),
            brim,
            box(452, 470, 66, 54, 4, p.accent),
        )
    )


def cap(p: Paint) -> str:
    """A six-panel cap from the side."""
    return "".join(
        (
            path("M500 500 Q680 480 740 560 Q640 560 500 580 Z", p.dark),
            path("M170 540 Q150 240 390 230 Q590 236 590 510 Q590 566 540 570 L210 570 Q172 570 170 540 Z", p.body),
            stroke("M390 230 Q330 380 340 568 M390 230 Q500 330 510 560", p.deep, 4, opacity=0.45),
            path("M480 540 Q640 490 750 566 Q756 590 720 586 Q600 560 486 590 Z", p.body),
            stroke("M500 552 Q630 520 726 566", p.dark, 4, "9 7"),
            oval(390, 230, 15, 11, p.dark),
            box(386, 380, 92, 70, 6, p.accent),
            path("M404 432 L432 394 L460 432 Z", p.main),
            oval(280, 360, 8, 8, p.deep),
        )
    )


def socks(p: Paint) -> str:
    """A pair of socks with heel and toe in the second colour."""
    one = "".join(
        (
            path(
                "M300 120 L440 120 L440 440 Q440 470 470 490 L600 570 Q650 610 610 660 Q580 690 520 670 "
                "L330 590 Q290 570 292 510 Z",
                p.body,
            ),
            path("M300 120 L440 120 L440 190 L299 190 Z", p.accent),
            path("M292 500 Q350 500 372 604 L330 590 Q290 570 292 510 Z", p.accent),
            path("M560 546 L600 570 Q650 610 610 660 Q580 690 520 670 Q510 590 560 546 Z", p.accent),
            "".join(stroke(f"M{x} 126 L{x} 184", p.accent_dark, 4, opacity=0.5) for x in range(312, 440, 16)),
            stroke("M297 230 L440 230 M297 252 L440 252", p.accent, 7),
        )
    )
    return f'<g transform="translate(70 -10)">{one}</g><g transform="translate(-110 30)">{one}</g>'


def scarf(p: Paint) -> str:
    """A scarf laid in a loop, fringes and stripes at its ends."""
    loop = "M320 560 L320 300 C320 130 480 130 480 300 L480 490"

    def band(colour: str, width: int) -> str:
        return f'<path d="{loop}" fill="none" stroke="{colour}" stroke-width="{width}"/>'

    def end(x: int, y: int) -> str:
        fringe = "".join(
            stroke(f"M{x + dx} {y} L{x + dx + (-4 if dx < 0 else 4)} {y + 54}", p.dark, 7) for dx in range(-52, 60, 15)
        )
        stripes = "".join(
            box(x - 62, y - dy, 124, high, 0, p.accent) for dy, high in ((44, 20), (76, 10), (118, 34), (146, 10))
        )
        return fringe + box(x - 62, y - 6, 124, 8, 0, p.dark) + stripes

    knit = f'<path d="{loop}" fill="none" stroke="{p.deep}" stroke-width="118" stroke-dasharray="3 11" opacity=".16"/>'
    fold = stroke("M346 300 C346 176 454 176 454 300 L454 380", p.deep, 4, opacity=0.35)
    return band(p.dark, 128) + band(p.main, 118) + end(320, 560) + end(480, 490) + knit + fold


def gloves(p: Paint) -> str:
    """A pair of work gloves with cuffs in the second colour."""
    one = "".join(
        (
            path(
                "M330 640 L330 470 Q280 420 262 360 Q258 330 282 330 Q310 336 336 400 L340 230 "
                "Q342 206 360 206 Q380 206 380 230 L382 190 Q384 166 404 166 Q424 166 424 192 L426 220 "
                "Q430 200 446 202 Q464 206 464 230 L464 280 Q470 264 484 268 Q500 274 498 298 L490 470 "
                "L490 640 Z",
                p.body,
            ),
            stroke("M380 230 L382 360 M424 200 L426 360 M464 270 L462 366", p.deep, 5, opacity=0.45),
            box(318, 560, 184, 110, 18, p.trim),
            stroke("M322 590 L498 590 M322 640 L498 640", p.accent_dark, 4, "9 6", 0.7),
        )
    )
    mirrored = f'<g transform="translate(660 -4) scale(-1 1) rotate(-8 400 400)">{one}</g>'
    return mirrored + f'<g transform="translate(134 10) rotate(8 400 400)">{one}</g>'


def boots(p: Paint) -> str:
    """A pair of rain boots."""
    one = "".join(
        (
            path("M310 190 L450 190 L454 480 Q470 520 560 540 Q620 560 618 610 L318 610 Q306 400 310 190 Z", p.round),
            path(
                "M312 596 L620 596 L620 624 Q620 640 604 640 L400 640 L396 626 L384 640 L330 640 Q314 640 314 624 Z",
                p.trim,
            ),
            box(302, 180, 156, 40, 12, p.accent),
            stroke("M336 250 L338 480", "#ffffff", 10, opacity=0.3),
            stroke("M330 520 Q400 500 456 484", p.deep, 5, opacity=0.35),
        )
    )
    return f'<g transform="translate(20 -28) scale(.97)">{one}</g><g transform="translate(-110 0)">{one}</g>'


STANDING = {"boots": boots}
FLAT = {
    "tee": tee, "striped": striped, "jumper": jumper, "shirt": shirt, "jacket": jacket, "vest": vest,
    "trousers": trousers, "beanie": beanie, "cap": cap, "socks": socks, "scarf": scarf, "gloves": gloves,
}  # fmt: skip

"""What stands on the table and the stove."""

from dev.pictures.paint import Paint, box, moved, oval, path, stroke


def mug(p: Paint) -> str:
    """A mug with its lower third left unglazed, in the second colour."""
    body = "M262 330 L538 330 L530 590 Q526 640 470 640 L330 640 Q274 640 270 590 Z"
    return "".join(
        (
            stroke("M530 390 C650 370 650 560 524 545", p.dark, 40),
            stroke("M530 388 C640 372 640 546 524 535", p.main, 26),
            path(body, p.round),
            path("M266 500 Q400 530 533 496 L530 590 Q526 640 470 640 L330 640 Q274 640 270 590 Z", p.trim),
            stroke("M266 500 Q400 530 533 496", p.dark, 5, opacity=0.5),
            oval(400, 330, 138, 34, p.light),
            oval(400, 334, 122, 25, p.deep),
            oval(400, 342, 104, 17, "#4a2f22"),
            stroke("M300 380 L306 480", "#ffffff", 12, opacity=0.35),
        )
    )


def enamel_mug(p: Paint) -> str:
    """A straight tin mug with a rolled rim in the second colour."""
    specks = [(320, 430), (352, 520), (404, 462), (446, 560), (486, 440), (380, 590), (500, 520), (338, 590)]
    return "".join(
        (
            stroke("M536 400 L600 400 Q630 400 626 440 L612 540 Q606 566 580 566 L534 566", p.accent, 24),
            path("M264 340 L536 340 L528 624 Q526 640 508 640 L292 640 Q274 640 272 624 Z", p.round),
            *(oval(x, y, 5, 4, p.accent, 0.55) for x, y in specks),
            oval(400, 340, 142, 36, p.accent),
            oval(400, 340, 128, 27, p.light),
            oval(400, 346, 116, 20, p.deep, 0.75),
        )
    )


def cups(p: Paint) -> str:
    """Two stacked espresso cups beside two on the table."""
    cup = (
        path("M300 480 L500 480 Q500 640 440 640 L360 640 Q300 640 300 480 Z", p.round)
        + oval(400, 480, 100, 24, p.light)
        + oval(400, 483, 88, 17, p.deep)
    )
    return moved(-110, 0, 1.05, cup) + moved(-110, -116, 1.05, cup) + moved(130, 0, 1.05, cup) + moved(40, 12, 0.9, cup)


def plate(p: Paint) -> str:
    """A plate leaning towards us, a smaller one on it."""
    return "".join(
        (
            oval(400, 420, 262, 250, p.dark),
            oval(400, 410, 260, 246, p.body),
            oval(400, 408, 206, 194, p.dark, 0.35),
            oval(400, 412, 200, 188, p.light),
            oval(400, 412, 198, 186, p.main),
            oval(372, 372, 120, 96, "#ffffff", 0.12),
            *(oval(x, y, 3.5, 3, p.deep, 0.5) for x, y in ((270, 330), (480, 520), (520, 360), (330, 500), (420, 300))),
        )
    )


def bowl(p: Paint) -> str:
    """A wide bowl, the inside in the second colour."""
    return "".join(
        (
            path("M160 420 Q180 640 350 640 L450 640 Q620 640 640 420 Z", p.round),
            box(340, 630, 120, 16, 6, p.deep),
            oval(400, 420, 240, 62, p.light),
            oval(400, 424, 222, 50, p.accent),
            path("M190 436 Q400 520 610 436 Q560 476 400 476 Q240 476 190 436 Z", p.accent_dark, 0.4),
            stroke("M200 500 Q220 570 262 600", "#ffffff", 12, opacity=0.3),
        )
    )


def bowls(p: Paint) -> str:
    """Three mixing bowls, one in the other."""
    front = "M190 430 A210 46 0 0 0 610 430 Q590 640 450 640 L350 640 Q210 640 190 430 Z"
    rim = oval(400, 430, 210, 46, p.light) + oval(400, 432, 198, 39, p.deep)
    outer = path(front, p.round) + stroke("M190 430 A210 46 0 0 0 610 430", p.light, 8)
    middle_rim = oval(400, 430, 210, 46, p.accent) + oval(400, 432, 196, 38, p.accent_dark)
    middle = path(front, p.trim) + stroke("M190 430 A210 46 0 0 0 610 430", p.accent, 8)
    smallest = moved(0, -104, 0.66, rim, outer)
    return rim + moved(0, -56, 0.82, middle_rim) + smallest + moved(0, -56, 0.82, middle) + outer


def board(p: Paint) -> str:
    """A serving board with a knife and a loaf's worth of room."""
    grain = [f"M{x} 260 Q{x + 12} 420 {x - 6} 620" for x in range(270, 540, 46)]
    return "".join(
        (
            box(240, 230, 320, 420, 46, p.dark),
            path(
                "M286 220 L360 220 Q372 130 400 130 Q428 130 440 220 L514 220 Q560 220 560 266 L560 594"
                " Q560 640 514 640 L286 640 Q240 640 240 594 L240 266 Q240 220 286 220 Z",
                p.body,
            ),
            oval(400, 182, 15, 15, p.deep),
            *(stroke(line, p.dark, 3, opacity=0.45) for line in grain),
        )
    )


def carafe(p: Paint) -> str:
    """A glass carafe, half full."""
    outline = "M352 180 L448 180 Q436 300 490 400 Q560 520 520 640 L280 640 Q240 520 310 400 Q364 300 352 180 Z"
    return "".join(
        (
            path(outline, p.main, 0.55),
            path("M274 490 Q400 520 526 490 Q544 570 516 632 L284 632 Q256 570 274 490 Z", "#7fb3c4", 0.6),
            oval(400, 496, 126, 20, "#b4d6df", 0.8),
            oval(400, 180, 48, 12, p.light),
            stroke("M370 220 Q366 320 322 420 Q290 500 292 580", "#ffffff", 10, opacity=0.6),
            stroke(outline, p.dark, 4, opacity=0.5),
        )
    )


def skillet(p: Paint) -> str:
    """A skillet seen from above, its handle to the upper right."""
    return "".join(
        (
            path("M500 290 L640 120 Q664 96 688 118 Q712 142 690 168 L550 340 Z", p.body),
            oval(664, 144, 13, 13, p.deep),
            oval(366, 448, 226, 226, p.deep),
            oval(366, 440, 226, 226, p.body),
            oval(366, 440, 192, 192, p.dark),
            oval(366, 446, 188, 188, p.main),
            path("M198 390 A190 190 0 0 1 430 262 A230 230 0 0 0 198 390 Z", "#ffffff", 0.16),
        )
    )


def pot(p: Paint) -> str:
    """An enamelled casserole with a brass knob."""
    return "".join(
        (
            box(120, 430, 70, 44, 20, p.dark),
            box(610, 430, 70, 44, 20, p.dark),
            path("M170 400 L630 400 L614 580 Q606 640 550 640 L250 640 Q194 640 186 580 Z", p.round),
            path("M160 400 Q170 300 400 290 Q630 300 640 400 Z", p.body),
            box(150, 388, 500, 26, 13, p.dark),
            path("M220 380 Q250 326 360 312 Q270 340 250 380 Z", "#ffffff", 0.3),
            box(382, 262, 36, 34, 4, p.metal),
            box(356, 232, 88, 38, 18, "url(#brass)"),
        )
    )


def knife(p: Paint) -> str:
    """A chef's knife lying across the picture, the handle in the main colour."""
    return "".join(
        (
            '<g transform="rotate(-32 400 400)">',
            path("M60 392 Q190 350 470 350 L470 452 Q240 470 60 392 Z", p.metal),
            path("M60 392 Q240 470 470 452 L470 430 Q240 444 60 392 Z", "#ffffff", 0.55),
            box(466, 346, 22, 110, 4, "#8d969c"),
            path("M486 350 L700 356 Q740 360 738 404 Q734 440 700 432 L486 416 Z", p.body),
            *(oval(x, 388, 9, 9, "url(#brass)") for x in (530, 600, 670)),
            "</g>",
        )
    )


def teapot(p: Paint) -> str:
    """A teapot with a bamboo handle."""
    return "".join(
        (
            stroke("M262 420 C250 170 550 170 538 420", p.accent_dark, 30),
            stroke("M262 416 C254 182 546 182 538 416", p.accent, 20),
            path("M560 560 Q620 540 640 460 Q648 420 690 414 L680 450 Q668 600 560 620 Z", p.dark),
            path("M180 500 Q190 400 400 394 Q610 400 620 500 Q620 640 500 640 L300 640 Q180 640 180 500 Z", p.round),
            path("M296 404 Q310 360 400 356 Q490 360 504 404 Q400 426 296 404 Z", p.body),
            oval(400, 346, 24, 20, p.dark),
            stroke("M214 500 Q220 450 280 430", "#ffffff", 12, opacity=0.3),
        )
    )


def dripper(p: Paint) -> str:
    """A pour-over cone on a glass server."""
    return "".join(
        (
            path("M300 430 L500 430 Q560 560 530 640 L270 640 Q240 560 300 430 Z", "#cfdfe0", 0.75),
            path("M262 540 Q400 560 538 540 Q546 600 526 634 L274 634 Q254 600 262 540 Z", "#5a3826", 0.88),
            stroke("M536 470 Q610 480 600 560 Q594 600 540 600", "#c2d3d5", 16),
            box(256, 404, 288, 28, 12, p.dark),
            path("M230 220 L570 220 L450 406 L350 406 Z", p.round),
            stroke("M566 250 Q650 250 620 320 Q600 360 510 350", p.dark, 22),
            oval(400, 220, 170, 34, p.light),
            oval(400, 224, 152, 25, "#5a3826"),
            *(stroke(f"M{300 + 50 * i} 262 L{366 + 17 * i} 392", p.dark, 4, opacity=0.35) for i in range(5)),
        )
    )


def grinder(p: Paint) -> str:
    """A hand grinder with a crank."""
    return "".join(
        (
            box(318, 430, 164, 210, 22, p.round),
            box(312, 270, 176, 180, 18, p.metal),
            box(330, 236, 140, 44, 16, "#6c757b"),
            box(388, 190, 24, 60, 8, "#8d969c"),
            stroke("M400 196 L600 160", "#8d969c", 18),
            box(580, 84, 46, 78, 22, p.round),
            stroke("M340 460 L340 610", "#ffffff", 8, opacity=0.3),
            box(312, 430, 176, 16, 8, p.deep),
        )
    )


def tin(p: Paint) -> str:
    """A tea tin with a paper label."""
    return "".join(
        (
            box(270, 260, 260, 380, 18, p.round),
            box(262, 200, 276, 96, 20, p.trim),
            box(262, 284, 276, 12, 0, p.accent_dark, 0.5),
            box(270, 360, 260, 180, 0, "#f6efe0"),
            stroke("M400 500 Q400 440 400 396", p.main, 6),
            path("M400 470 Q340 460 336 410 Q392 416 400 470 Z", p.main),
            path("M400 440 Q460 430 464 380 Q408 386 400 440 Z", p.dark),
            box(340, 512, 120, 8, 4, p.main, 0.6),
        )
    )


STANDING = {
    "mug": mug, "enamel-mug": enamel_mug, "cups": cups, "bowl": bowl, "bowls": bowls, "board": board,
    "carafe": carafe, "pot": pot, "teapot": teapot, "dripper": dripper, "grinder": grinder, "tin": tin,
}  # fmt: skip
FLAT = {"plate": plate, "skillet": skillet, "knife": knife}

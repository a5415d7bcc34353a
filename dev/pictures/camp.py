"""What goes up for a night outside."""

from dev.pictures.paint import Paint, box, oval, path, stroke, turned


def tent(p: Paint) -> str:
    """A ridge tent with an open door."""
    return "".join(
        (
            stroke("M400 200 L400 180 M120 640 L90 660 M680 640 L710 660", "#5c4b3b", 10),
            path("M400 200 L690 640 L400 640 Z", p.dark),
            path("M400 200 L560 640 L110 640 Z", p.body),
            path("M360 300 L452 640 L226 640 Z", p.deep),
            path("M360 300 L340 640 L226 640 Z", p.accent),
            path("M360 300 Q390 480 452 640 L500 640 Z", p.accent_dark, 0.8),
            stroke("M400 200 L110 640 M400 200 L690 640", p.light, 5, opacity=0.5),
        )
    )


def tarp(p: Paint) -> str:
    """A tarp pitched between two poles, with guy lines."""
    return "".join(
        (
            stroke("M190 640 L190 270 M610 640 L610 220", "#7a6148", 16),
            stroke("M190 280 L70 640 M610 230 L740 640", "#e8dfcd", 4),
            path("M150 330 L190 270 Q400 330 610 220 L680 300 Q400 420 150 330 Z", p.dark),
            path("M150 330 Q400 420 680 300 L700 410 Q400 540 110 450 Z", p.body),
            *(oval(x, y, 7, 7, "url(#brass)") for x, y in ((124, 440), (400, 500), (686, 402))),
            stroke("M400 376 L400 500", p.deep, 3, opacity=0.35),
        )
    )


def sleeping_bag(p: Paint) -> str:
    """A mummy bag, half unzipped."""
    quilt = "".join(
        stroke(
            f"M{268 + 6 * i} {300 + 58 * i} Q400 {334 + 58 * i} {532 - 6 * i} {300 + 58 * i}", p.deep, 4, opacity=0.4
        )
        for i in range(7)
    )
    return turned(
        18,
        path(
            "M400 90 Q540 90 556 240 Q570 420 500 640 Q490 700 400 700 Q310 700 300 640 "
            "Q230 420 244 240 Q260 90 400 90 Z",
            p.body,
        ),
        quilt,
        oval(400, 210, 92, 84, p.accent_dark),
        oval(400, 222, 76, 66, p.accent),
        stroke("M478 250 Q520 420 474 600", "#ede6d8", 6, "10 7"),
    )


def mat(p: Paint) -> str:
    """An inflatable mat with its tubes."""
    tubes = "".join(box(262 + 48 * i, 120, 44, 560, 22, p.body if i % 2 else p.light) for i in range(6))
    return turned(-14, box(250, 108, 308, 584, 40, p.dark), tubes, box(540, 140, 34, 22, 8, p.accent))


def hammock(p: Paint) -> str:
    """A hammock between two trunks."""
    return "".join(
        (
            box(70, 60, 70, 600, 12, p.wood),
            box(660, 60, 70, 600, 12, p.wood),
            stroke("M110 250 L210 330 M690 250 L590 330", "#efe6d2", 7),
            path("M196 316 Q400 640 604 316 Q600 560 400 570 Q200 560 196 316 Z", p.dark),
            path("M196 316 Q230 520 400 524 Q570 520 604 316 Q590 470 400 476 Q210 470 196 316 Z", p.accent),
            path("M196 316 Q400 640 604 316 Q560 500 400 504 Q240 500 196 316 Z", p.body),
            stroke("M214 370 Q400 590 586 370", p.light, 5, opacity=0.6),
        )
    )


def stove(p: Paint) -> str:
    """A gas stove on its cartridge, lit."""
    return "".join(
        (
            path("M330 260 Q350 200 340 170 Q380 210 372 262 Z", "#5aa0d8", 0.85),
            path("M390 260 Q410 180 400 140 Q450 200 430 262 Z", "#5aa0d8", 0.85),
            path("M450 260 Q466 210 460 178 Q494 214 484 262 Z", "#5aa0d8", 0.85),
            stroke("M300 250 L240 230 M500 250 L560 230", "#8d969c", 14),
            box(300, 250, 200, 34, 12, p.metal),
            box(376, 280, 48, 110, 8, "url(#brass)"),
            stroke("M424 340 L520 340", "#8d969c", 10),
            oval(532, 340, 16, 26, p.accent),
            path(
                "M270 470 Q280 390 400 386 Q520 390 530 470 L530 620 Q530 640 510 640 L290 640 Q270 640 270 620 Z",
                p.round,
            ),
            box(270, 500, 260, 76, 0, p.accent),
            path("M400 510 Q430 540 412 562 Q400 570 388 562 Q374 544 400 510 Z", "#ffffff", 0.9),
        )
    )


def cookset(p: Paint) -> str:
    """A billy can with a lid and a folding handle."""
    return "".join(
        (
            stroke("M560 430 L690 400 M560 470 L690 440", "#8d969c", 12),
            box(240, 350, 320, 290, 34, p.metal),
            box(240, 560, 320, 40, 0, "#7f898f", 0.5),
            oval(400, 350, 166, 40, "#c9d1d6"),
            oval(400, 342, 166, 38, p.metal),
            box(372, 280, 56, 40, 14, p.round),
            *(box(270, y, 44, 5, 2, "#727c82") for y in (420, 460, 500, 540)),
        )
    )


def bottle(p: Paint) -> str:
    """An insulated bottle with a loop lid."""
    return "".join(
        (
            stroke("M350 180 Q350 110 400 110 Q450 110 450 180", p.accent_dark, 18),
            box(338, 170, 124, 70, 14, p.trim),
            path(
                "M340 236 L460 236 Q462 280 500 310 Q512 320 512 350 L512 600 Q512 640 472 640 L328 640 "
                "Q288 640 288 600 L288 350 Q288 320 300 310 Q338 280 340 236 Z",
                p.round,
            ),
            stroke("M316 360 L316 590", "#ffffff", 12, opacity=0.35),
            path("M372 500 L400 456 L428 500 Z M398 500 L416 470 L440 500 Z", p.pale, 0.85),
            box(288, 606, 224, 8, 0, p.deep, 0.35),
        )
    )


def lantern(p: Paint) -> str:
    """A storm lantern, lit."""
    return "".join(
        (
            oval(400, 430, 260, 230, "url(#glow)"),
            stroke("M280 300 C260 90 540 90 520 300", p.dark, 10),
            path("M330 240 Q340 170 400 170 Q460 170 470 240 Z", p.round),
            box(300, 236, 200, 34, 14, p.dark),
            path("M310 270 L490 270 Q540 400 490 510 L310 510 Q260 400 310 270 Z", "#f9efcf", 0.75),
            path("M400 350 Q446 430 424 468 Q400 496 376 468 Q354 430 400 350 Z", "#f2a03a"),
            path("M400 410 Q420 450 410 470 Q400 480 390 470 Q380 450 400 410 Z", "#fff3cd"),
            stroke("M286 290 L286 560 M514 290 L514 560", p.dark, 12),
            box(290, 508, 220, 36, 12, p.dark),
            path("M280 544 L520 544 L540 620 Q540 640 520 640 L280 640 Q260 640 260 620 Z", p.round),
        )
    )


def headlamp(p: Paint) -> str:
    """A head torch with its strap."""
    return "".join(
        (
            path("M470 390 L720 250 L720 590 Z", "#fff3c2", 0.45),
            stroke("M360 380 C150 180 60 560 330 590 C420 600 470 560 470 500", p.main, 42),
            stroke("M360 380 C150 180 60 560 330 590 C420 600 470 560 470 500", p.accent, 6, "22 18"),
            box(340, 310, 150, 190, 34, p.dark),
            box(340, 302, 150, 190, 34, p.body),
            oval(462, 396, 52, 62, "#30363a"),
            oval(470, 396, 40, 50, "#fdf6d8"),
            oval(474, 388, 18, 22, "#ffffff"),
            box(372, 280, 60, 26, 10, p.accent),
        )
    )


def axe(p: Paint) -> str:
    """A hatchet, its head forged, its handle of ash."""
    return turned(
        34,
        path("M376 150 Q366 420 384 700 Q400 716 424 700 Q420 420 424 150 Z", p.wood),
        box(380, 590, 44, 96, 10, p.main),
        path(
            "M352 172 L440 172 Q530 176 590 122 Q608 222 590 322 Q530 270 440 278 L352 278 Q340 224 352 172 Z", p.metal
        ),
        path("M590 122 Q608 222 590 322 Q584 222 590 122 Z", "#f1f4f6"),
        box(372, 148, 56, 14, 3, "#5a432f"),
    )


STANDING = {
    "tent": tent,
    "tarp": tarp,
    "hammock": hammock,
    "stove": stove,
    "cookset": cookset,
    "bottle": bottle,
    "lantern": lantern,
}
FLAT = {"sleeping-bag": sleeping_bag, "mat": mat, "headlamp": headlamp, "axe": axe}

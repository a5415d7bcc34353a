"""What carries the rest."""

from collections.abc import Callable

from dev.pictures.paint import Paint, box, oval, path, stroke


def backpack(p: Paint) -> str:
    """A day pack with a front pocket and leather pulls."""
    return "".join(
        (
            stroke("M340 190 Q340 120 400 120 Q460 120 460 190", p.deep, 20),
            box(196, 400, 50, 190, 24, p.dark),
            box(554, 400, 50, 190, 24, p.dark),
            path(
                "M230 330 Q230 180 400 180 Q570 180 570 330 L580 590 Q580 640 530 640 L270 640 Q220 640 220 590 Z",
                p.round,
            ),
            path("M230 330 Q230 180 400 180 Q570 180 570 330 L570 372 Q400 410 230 372 Z", p.body),
            stroke("M230 372 Q400 410 570 372", p.deep, 5, opacity=0.5),
            path("M270 450 L530 450 L540 590 Q540 610 520 610 L280 610 Q260 610 260 590 Z", p.dark),
            path("M266 446 L534 446 L530 500 Q400 524 270 500 Z", p.main),
            *(box(x, 350, 26, 120, 6, p.trim) for x in (310, 464)),
            *(box(x, 408, 34, 24, 4, "url(#brass)") for x in (306, 460)),
            box(366, 250, 68, 40, 4, p.accent),
        )
    )


def trek_pack(p: Paint) -> str:
    """A tall pack with a lid, compression straps and a rolled mat below."""
    return "".join(
        (
            path("M250 230 L550 230 Q580 400 560 560 L240 560 Q220 400 250 230 Z", p.round),
            box(230, 130, 340, 120, 46, p.body),
            box(230, 226, 340, 20, 8, p.deep, 0.5),
            path("M300 300 L500 300 L510 540 L290 540 Z", p.dark),
            stroke("M244 330 L556 290 M238 440 L562 400", p.accent, 10),
            box(210, 340, 40, 200, 18, p.dark),
            box(550, 340, 40, 200, 18, p.dark),
            box(190, 560, 420, 84, 42, p.trim),
            oval(590, 602, 30, 42, p.accent_dark),
            *(box(x, 552, 20, 96, 4, p.deep) for x in (280, 500)),
            box(352, 160, 96, 50, 8, p.accent),
        )
    )


def tote(p: Paint) -> str:
    """A canvas bag with a printed wave."""
    return "".join(
        (
            stroke("M310 320 C300 90 500 90 490 320", p.dark, 22),
            path("M220 290 L580 290 L604 620 Q604 640 584 640 L216 640 Q196 640 196 620 Z", p.round),
            stroke("M222 310 L578 310", p.deep, 3, "9 7", 0.5),
            stroke("M290 290 L290 360 M330 290 L330 360 M470 290 L470 360 M510 290 L510 360", p.dark, 4, opacity=0.6),
            *(stroke(f"M290 {y} q28 -30 56 0 t56 0 t56 0 t56 0", p.accent, 11) for y in (450, 490, 530)),
        )
    )


def duffel(p: Paint) -> str:
    """A duffel bag with leather handles."""
    return "".join(
        (
            stroke("M290 420 C290 240 510 240 510 420", p.accent_dark, 20),
            box(130, 370, 540, 270, 100, p.round),
            oval(180, 505, 50, 122, p.dark),
            stroke("M220 384 L590 384", "#d9d2c4", 8, "6 5"),
            *(box(x, 372, 34, 266, 0, p.trim) for x in (276, 490)),
            stroke("M290 440 C290 290 510 290 510 440", p.accent, 20),
            box(366, 292, 68, 46, 12, p.accent_dark),
            box(360, 500, 80, 54, 6, p.accent),
        )
    )


STANDING = {"backpack": backpack, "trek-pack": trek_pack, "tote": tote, "duffel": duffel}
FLAT: dict[str, Callable[[Paint], str]] = {}

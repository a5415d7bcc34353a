"""What some buyers of the sample shop say of its goods. They have accounts that no password opens."""

from collections.abc import Mapping
from typing import NamedTuple

READERS: Mapping[str, tuple[str, str]] = {
    "maya@example.com": ("Maya", "Ito"),
    "jonas@example.com": ("Jonas", "Weber"),
    "amara@example.com": ("Amara", "Okafor"),
    "lucie@example.com": ("Lucie", "Moreau"),
    "tom@example.com": ("Tom", "Hale"),
}
"""First and last names by address."""


class Opinion(NamedTuple):
    """One review: whose, of what, how many stars, and in which words."""

    reader: str
    slug: str
    stars: int
    title: str
    body: str


OPINIONS = (
    Opinion(
        "maya@example.com",
        "stoneware-mug",
        5,
        "My morning mug",
        "Heavy in a good way. The glaze breaks like rain on sand.",
    ),
    Opinion(
        "jonas@example.com", "stoneware-mug", 4, "Lovely, a bit large", "Holds a lot. I would buy a smaller one too."
    ),
    Opinion(
        "amara@example.com", "stoneware-mug", 5, "Bought six", "Two broke on the way and came again within three days."
    ),
    Opinion("lucie@example.com", "espresso-cups", 5, "They stack!", "And they keep the heat."),
    Opinion("tom@example.com", "cast-iron-skillet", 5, "For life", "Season it twice before the first egg."),
    Opinion("maya@example.com", "cast-iron-skillet", 4, "Heavy", "Wonderful crust, weak wrists."),
    Opinion("jonas@example.com", "chefs-knife", 5, "Sharp", "Out of the box sharper than my old one ever was."),
    Opinion("amara@example.com", "chefs-knife", 3, "Handle is slim", "Cuts well, but my hand wants more to hold."),
    Opinion(
        "lucie@example.com", "wool-blanket", 5, "Winter is fine now", "It smells of sheep for a week, then of home."
    ),
    Opinion(
        "tom@example.com", "ridge-tent", 4, "Dry in a storm", "The pegs bend in stony ground; the tent does not mind."
    ),
    Opinion("maya@example.com", "ridge-tent", 5, "Up in four minutes", "Alone, in the dark, in the rain."),
    Opinion(
        "jonas@example.com", "insulated-bottle", 5, "Still hot at night", "Filled at six, burnt my tongue at eleven."
    ),
    Opinion("amara@example.com", "insulated-bottle", 2, "The lid", "Keeps the heat, but the lid whistles."),
    Opinion("lucie@example.com", "breton-shirt", 4, "True to size", "Shrinks a little at the first wash."),
    Opinion("tom@example.com", "the-slow-kitchen", 5, "Read it, cooked it", "The lentils alone are worth it."),
    Opinion("maya@example.com", "soap-bar", 4, "Lasts", "Two months in a dry dish."),
    Opinion("jonas@example.com", "table-lamp", 3, "Warm light", "Nice, though the cable is short."),
    Opinion("amara@example.com", "canvas-daypack", 5, "Carries it all", "A laptop, a jumper and lunch."),
)

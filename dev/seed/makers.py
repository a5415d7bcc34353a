"""Who makes the sample goods, what they have in common across shelves, and what is cheaper for some days."""

from collections.abc import Mapping
from typing import NamedTuple


class Maker(NamedTuple):
    """A vendor and the products it makes, by slug."""

    name: str
    description: str
    makes: tuple[str, ...]


MAKERS: Mapping[str, Maker] = {
    "kiln-and-clay": Maker(
        "Kiln & Clay", "Two potters and one wood-fired kiln on the coast.",
        ("stoneware-mug", "espresso-cups", "dinner-plate", "pasta-bowl", "mixing-bowls", "teapot", "bottle-vase",
         "terracotta-planter"),
    ),
    "forge-works": Maker(
        "Forge Works", "Edges and iron, made to be handed down. Every blade comes back for sharpening, free of charge.",
        ("cast-iron-skillet", "enamelled-casserole", "chefs-knife", "hand-grinder", "forest-hatchet", "secateurs",
         "watering-can", "brass-pen"),
    ),
    "loom-and-thread": Maker(
        "Loom & Thread", "A weaving mill that pays by the metre and mends what it made.",
        ("wool-blanket", "linen-cushion", "flatweave-rug", "waffle-towel", "organic-tee", "breton-shirt",
         "cable-jumper", "linen-shirt", "wool-scarf", "ribbed-beanie", "hiking-socks"),
    ),
    "northbound": Maker(
        "Northbound", "Tents, packs and stoves, tried each winter by the people who sew them.",
        ("ridge-tent", "trail-tarp", "down-sleeping-bag", "sleeping-mat", "parachute-hammock", "canister-stove",
         "titanium-billy", "insulated-bottle", "storm-lantern", "head-torch", "canvas-daypack", "trek-pack",
         "rain-shell", "quilted-vest"),
    ),
    "quiet-press": Maker(
        "Quiet Press", "Books to be read slowly, and paper to answer them on.",
        ("the-slow-kitchen", "knots-and-shelters", "a-guide-to-quiet-places", "visible-mending",
         "the-kitchen-garden-year", "cloth-notebook", "letter-cards"),
    ),
}  # fmt: skip
"""By slug. What nobody here makes is the shop's own."""


class Tag(NamedTuple):
    """A word that products share, and the products, by slug."""

    name: str
    on: tuple[str, ...]


TAGS: Mapping[str, Tag] = {
    "handmade": Tag("Handmade", (
        "stoneware-mug", "espresso-cups", "dinner-plate", "pasta-bowl", "oak-serving-board", "teapot", "bottle-vase",
        "chefs-knife", "forest-hatchet", "seagrass-basket", "beeswax-candle", "soap-bar", "flatweave-rug",
        "terracotta-planter", "cloth-notebook",
    )),
    "gift": Tag("Gift", (
        "stoneware-mug", "espresso-cups", "loose-leaf-tea", "wool-blanket", "beeswax-candle", "soap-bar", "wool-scarf",
        "insulated-bottle", "cloth-notebook", "brass-pen", "letter-cards", "the-slow-kitchen", "wildflower-seeds",
    )),
    "organic": Tag("Organic", (
        "organic-tee", "linen-shirt", "waffle-towel", "loose-leaf-tea", "soap-bar", "wildflower-seeds", "market-tote",
    )),
    "winter": Tag("Winter", (
        "wool-blanket", "cable-jumper", "quilted-vest", "ribbed-beanie", "wool-scarf", "work-gloves",
        "down-sleeping-bag", "sleeping-mat", "insulated-bottle", "storm-lantern", "loose-leaf-tea",
    )),
    "travel": Tag("Travel", (
        "canvas-daypack", "trek-pack", "weekend-duffel", "insulated-bottle", "head-torch", "enamel-mug",
        "a-guide-to-quiet-places", "parachute-hammock", "rain-shell",
    )),
}  # fmt: skip
"""By slug."""

SALE: Mapping[str, int] = {
    "enamel-mug": 20, "glass-carafe": 25, "table-lamp": 15, "ridge-tent": 20, "breton-shirt": 30, "market-tote": 10,
}  # fmt: skip
"""Percent off, by slug, in the first days of the shop."""
SALE_DAYS = 14

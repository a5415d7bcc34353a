"""The goods of `goods/*.toml` spelled out: every variant with its SKU, prices, weight and first delivery."""

from collections.abc import Mapping
from itertools import product as combinations
from pathlib import Path
from re import sub
from typing import Literal
from zlib import crc32

import msgspec

SKU_EXAMPLE = "MUG-STONE-SAND"
"""In plenty of stock and sold in every currency: what documentation and printed curl lines buy."""
CURRENCIES = ("usd", "eur", "jpy", "etb")
BIRR = 150
"""How many the shop takes for a dollar: prices in birr are not in the files, they follow."""
_SHELVES = ("kitchen", "living", "outdoor", "apparel", "paper")


class Category(msgspec.Struct, frozen=True):
    """A branch of the tree."""

    slug: str
    name: str
    parent: str | None


class Picture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `dev.pictures.draw` needs to know; colours by name."""

    kind: str
    main: str
    accent: str
    word: str = ""


class Extra(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much more than the first choice another one costs and weighs."""

    percent: int = 0
    grams: int = 0


class Good(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One product as its TOML table describes it."""

    slug: str
    name: str
    sku: str
    """What the SKUs of its variants begin with."""
    category: str
    description: str
    price: dict[str, int]
    """Minor units by currency; a currency that is missing is one it is not sold in."""
    grams: int
    picture: Picture
    aged: int
    """Days it has been in the shop on the day of seeding."""
    stock: int
    """Roughly how many units of each variant came in."""
    compare_at: dict[str, int] = {}
    tax: Literal["standard", "reduced"] = "standard"
    featured: bool = False
    options: dict[str, list[str]] = {}
    codes: dict[str, str] = {}
    """Part of the SKU for a choice whose own name makes a poor one."""
    extra: dict[str, Extra] = {}
    """By choice."""
    stock_of: dict[str, int] = {}
    """Exactly how many came in, by SKU."""

    @property
    def image(self) -> str:
        """File name of its picture."""
        return f"{self.slug}.svg"

    @property
    def alt(self) -> str:
        """Words for who cannot see the picture; its colour only where buyers choose among colours."""
        chosen = self.picture.main in self.options.get("colour", [])
        return f"{self.name} in {self.picture.main}" if chosen else self.name


class Variant(msgspec.Struct, frozen=True):
    """What lies on the shelf."""

    sku: str
    attributes: dict[str, str]
    grams: int
    price: dict[str, int]
    compare_at: dict[str, int]
    stock: int


def _branches(tree: Mapping[str, object], parent: str | None = None) -> list[Category]:
    found = []
    for title, below in tree.items():
        name, slug = title.split(" = ")
        found.append(Category(slug, name, parent))
        if isinstance(below, dict):
            found += _branches(below, slug)
    return found


CATEGORIES: tuple[Category, ...] = tuple(
    _branches(
        {
            "Home = home": {
                "Kitchen & Table = kitchen": {
                    "Mugs & Cups = mugs": None,
                    "Tableware = tableware": None,
                    "Cookware = cookware": None,
                    "Tea & Coffee = tea-coffee": None,
                },
                "Living = living": {
                    "Blankets, Cushions & Rugs = textiles": None,
                    "Lighting = lighting": None,
                    "Decor = decor": None,
                },
                "Bath = bath": None,
            },
            "Outdoor = outdoor": {
                "Camp = camp": {
                    "Tents & Tarps = shelter": None,
                    "Sleeping = sleep": None,
                    "Camp Kitchen = camp-kitchen": None,
                    "Light & Fire = light-fire": None,
                },
                "Bags = bags": None,
                "Garden = garden": None,
            },
            "Apparel = apparel": {
                "Tops & Knitwear = tops": None,
                "Outerwear = outerwear": None,
                "Trousers = trousers": None,
                "Accessories & Footwear = accessories": None,
            },
            "Books & Paper = books-paper": {"Books = books": None, "Stationery = stationery": None},
        }
    )
)
"""Parents before their children."""


def goods() -> list[Good]:
    """All products, the example's first. Raises: msgspec.ValidationError naming what is wrong in a file."""
    shelf = Path(__file__).parent / "goods"
    found: list[Good] = []
    for name in _SHELVES:
        read = msgspec.toml.decode((shelf / f"{name}.toml").read_bytes(), type=dict[str, list[Good]])
        found += read["product"]
    return found


def variants(good: Good) -> list[Variant]:
    """One variant for each combination of its options; one alone when there are none."""
    return [
        _variant(good, dict(zip(good.options, chosen, strict=True))) for chosen in combinations(*good.options.values())
    ]


def _variant(good: Good, attributes: dict[str, str]) -> Variant:
    sku = "-".join([good.sku, *(_code(good, choice) for choice in attributes.values())])
    extras = [good.extra[choice] for choice in attributes.values() if choice in good.extra]
    percent = 100 + sum(extra.percent for extra in extras)
    return Variant(
        sku=sku,
        attributes=attributes,
        grams=good.grams + sum(extra.grams for extra in extras),
        price=_in_birr_too({currency: _share(amount, percent) for currency, amount in good.price.items()}),
        compare_at=_in_birr_too({currency: _share(amount, percent) for currency, amount in good.compare_at.items()}),
        stock=good.stock_of.get(sku, _around(good.stock, sku)),
    )


def _in_birr_too(price: dict[str, int]) -> dict[str, int]:
    """What is sold for dollars is sold for birr."""
    return {**price, "etb": price["usd"] * BIRR} if "usd" in price else price


def _code(good: Good, choice: str) -> str:
    return good.codes.get(choice) or sub(r"[^A-Z0-9]", "", choice.upper())


def _share(amount: int, percent: int) -> int:
    """Whole dollars and euros, hundreds of yen: prices that people print on tags."""
    return amount if percent == 100 else round(amount * percent / 100 / 100) * 100


def _around(typical: int, sku: str) -> int:
    """Between 60 % and 140 % of the typical stock, the same for the same SKU."""
    return typical * (60 + crc32(sku.encode()) % 81) // 100

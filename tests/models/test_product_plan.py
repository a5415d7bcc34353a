"""What a catalogue's rows come to, of what there is: planned without a database."""

from typing import Any
from uuid import UUID

import pytest

from models.money import Money
from models.product_csv import Columns
from models.product_import import BadRow, batch
from models.product_plan import Known, Named, Plan, Product, Variant, Written, plan
from models.records import PriceRecord, ProductOption

MUGS, HATS, OLD, CLAY, NEW, BLUE, MUG, MUG_M, MUG_L = (UUID(int=number) for number in range(1, 10))
NAMES = "product,name,category,vendor,tags,options,sku,attributes,weight,price_usd,price_eur"


def known(**more: Any) -> Known:
    """A mug in two sizes, new, of Clay & Co, for 10 dollars."""
    sizes = [ProductOption("size", ["M", "L"])]
    price = {"usd": PriceRecord(Money(1000, "usd"), None, None)}
    mug = Product(MUG, "mug", archived=False, name="Mug", category="mugs", vendor="clay", tags=["new"], options=sizes)
    variants = [
        Variant(MUG_M, "MUG-M", "mug", {"size": "M"}, 300, 0, archived=False, prices=dict(price)),
        Variant(MUG_L, "MUG-L", "mug", {"size": "L"}, 400, 1, archived=False, prices=dict(price)),
    ]
    found = Known(
        {"mug": mug}, {each.sku: each for each in variants}, {"mug": variants},
        {"mugs": Named(MUGS, archived=False), "hats": Named(HATS, archived=False), "old": Named(OLD, archived=True)},
        {"clay": Named(CLAY, archived=False)}, {"new": Named(NEW, archived=False), "blue": Named(BLUE, archived=False)},
    )  # fmt: skip
    for name, value in more.items():
        setattr(mug, name, value)
    return found


def of(*rows: str, names: str = NAMES, **more: Any) -> Plan:
    """The plan of some rows."""
    groups = batch("".join(f"{row}\r\n" for row in rows).encode(), Columns(names.split(",")), ",", 2, True, 100).groups
    return plan(known(**more), groups)


def test_what_is_as_it_is_wanted_is_not_written() -> None:
    """Given rows that say what there is, then there is nothing to do."""
    made = of("mug,Mug,mugs,clay,new,size=M|L,MUG-M,size=M,300,10.00,", "mug,,,,,,MUG-L,size=L,400,10,")

    assert made == Plan()
    assert (made.written, made.only_touched) == (Written(), set())


def test_a_new_product() -> None:
    """Given a product that is not there, then all of it is made: variants in their order, prices by currency."""
    made = of("hat,Hat,hats,clay,blue|new,,HAT-1,,90,15.00,14.00", "hat,,,,,,HAT-2,,95,16.00,")

    (hat,) = made.new_products
    assert (hat["slug"], hat["name"], hat["category_id"], hat["vendor_id"]) == ("hat", "Hat", HATS, CLAY)
    assert (hat["tax_category"], hat["featured"], hat["options"]) == ("standard", False, [])
    assert made.tag == [(hat["id"], BLUE), (hat["id"], NEW)]
    assert [(each["sku"], each["weight"], each["position"], each["product_id"]) for each in made.new_variants] == [
        ("HAT-1", 90, 0, hat["id"]), ("HAT-2", 95, 1, hat["id"]),
    ]  # fmt: skip
    one, two = (each["id"] for each in made.new_variants)
    assert [(each["variant_id"], each["currency"], each["amount"]) for each in made.price] == [
        (one, "eur", 1400), (one, "usd", 1500), (two, "usd", 1600),
    ]  # fmt: skip
    assert made.written == Written(products_created=1, variants_created=2)
    assert (made.only_touched, made.concerned) == (set(), {hat["id"]})


def test_what_changes_is_written_and_nothing_besides() -> None:
    """Given other cells, then what they say changes, what no column says stays, and an empty cell empties."""
    made = of("mug,Mug,mugs,clay,blue,size=M|L,MUG-M,size=M,310,,9.00", "mug,,,,,,MUG-L,size=L,400,10.00,")
    assert (made.new_products, made.products, made.new_variants) == ([], [], [])
    assert (made.untag, made.tag, made.only_touched) == ([(MUG, "new")], [(MUG, BLUE)], {MUG})
    assert made.variants == [{"id": MUG_M, "attributes": {"size": "M"}, "weight": 310}]
    assert (made.unprice, [each["currency"] for each in made.price]) == ([(MUG_M, "usd")], ["eur"])
    assert made.written == Written(products_changed=1, variants_changed=1)

    made = of("mug,hats,", names="product,category,vendor")
    assert [(each["name"], each["category_id"], each["vendor_id"]) for each in made.products] == [("Mug", HATS, None)]
    assert (made.untag, made.variants, made.price, made.only_touched) == ([], [], [], set())
    assert made.written == Written(products_changed=1)


def test_a_variant_more_comes_last() -> None:
    """Given a size more for a product that there is, then it is put behind the others."""
    made = of("mug,Mug,mugs,clay,new,size=M|L|XL,MUG-XL,size=XL,500,12.00,")

    assert [(each["sku"], each["position"]) for each in made.new_variants] == [("MUG-XL", 2)]
    assert made.written == Written(products_changed=1, variants_created=1)


BAD = [
    ("hat,,,,,,HAT,,90,15.00,", 3, "product", "there is no such product, and a new one has name and category", {}),
    ("mug,Mug,caps,clay,new,size=M|L,,,,,", 3, "category", "there is no 'caps'", {}),
    ("mug,Mug,old,clay,new,size=M|L,,,,,", 3, "category", "'old' is archived: restore it first", {}),
    ("mug,Mug,mugs,nobody,new,size=M|L,,,,,", 3, "vendor", "there is no 'nobody'", {}),
    ("mug,Mug,mugs,clay,red,size=M|L,,,,,", 3, "tags", "there is no 'red'", {}),
    ("mug,Mug,mugs,clay,new,size=M|L,,,,,", 3, "product", "archived: restore it first", {"archived": True}),
    ("cap,Cap,hats,,,,MUG-M,,300,10.00,", 3, "sku", "belongs to the product 'mug', and a variant never moves", {}),
]  # fmt: skip


@pytest.mark.parametrize(("row", "line", "column", "reason", "more"), BAD)
def test_what_cannot_be_is_told_and_the_rest_is_planned(
    row: str, line: int, column: str, reason: str, more: dict[str, Any]
) -> None:
    """Given a product that cannot be as wanted, then it is told why, nothing of it is planned, and others are."""
    made = of("beret,Beret,hats,,,,BERET,,90,15.00,", row, **more)

    assert made.problems == [BadRow(line, column, reason)]
    assert made.written == Written(products_created=1, variants_created=1)
    assert [each["slug"] for each in made.new_products] == ["beret"]


def test_a_category_that_was_archived_since_may_stay() -> None:
    """Given a product of an archived category, then a row that leaves it there changes the rest."""
    made = of("mug,Big mug,old,clay,new,size=M|L,,,,,", category="old")

    assert made.problems == []
    assert [(each["name"], each["category_id"]) for each in made.products] == [("Big mug", OLD)]


def test_variants_fit_their_options_together() -> None:
    """Given two variants that would be alike, then the line of one of them is told."""
    made = of("mug,Mug,mugs,clay,new,size=M|L,MUG-M,size=L,300,10.00,")

    assert [(each.line, each.column) for each in made.problems] == [(2, "attributes")]
    assert made.written == Written()

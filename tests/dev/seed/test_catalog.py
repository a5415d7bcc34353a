"""The sample goods hold together: nothing that a shop page or an order would stumble over."""

from collections import Counter

from dev.pictures.draw import KINDS
from dev.pictures.paint import COLOURS
from dev.seed import makers, opinions
from dev.seed.catalog import CATEGORIES, CURRENCIES, SKU_EXAMPLE, Good, Variant, goods, variants
from models.money import EXPONENTS

SHELF: list[tuple[Good, Variant]] = [(good, variant) for good in goods() for variant in variants(good)]


def test_the_shop_has_the_size_of_a_shop() -> None:
    """Enough to page through, search in and filter by."""
    assert 55 <= len(goods()) <= 75
    assert len(SHELF) >= 150


def test_every_name_in_an_address_is_unique() -> None:
    """Slugs of products and categories, SKUs, product names."""
    for names in (
        [good.slug for good in goods()],
        [good.name for good in goods()],
        [category.slug for category in CATEGORIES],
        [variant.sku for _, variant in SHELF],
    ):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_skus_can_be_typed() -> None:
    """Capitals, digits and dashes only, no part empty."""
    for _, variant in SHELF:
        parts = variant.sku.split("-")
        assert all(part.isascii() and part.isalnum() and part == part.upper() for part in parts), variant.sku


def test_every_category_leads_up_to_a_root_and_none_is_empty() -> None:
    """The tree has three levels, no loop, no orphan, and every branch something to buy."""
    parents = {category.slug: category.parent for category in CATEGORIES}
    stocked: set[str | None] = set()
    deepest = 0
    for good in goods():
        assert good.category in parents, good.slug
    for slug in parents:
        way: list[str] = [slug]
        while (above := parents[way[-1]]) is not None:
            assert above not in way, way
            way.append(above)
        deepest = max(deepest, len(way))
        if any(good.category == slug for good in goods()):
            stocked |= set(way)
    assert deepest == 3
    assert stocked == set(parents)


def test_every_variant_weighs_something_and_has_a_sane_price() -> None:
    """A euro costs about a dollar, 100 yen about 65 cents; a price before is a higher one, in the same currency."""
    for good, variant in SHELF:
        assert 20 <= variant.grams <= 20_000, variant.sku
        assert {"usd", "eur"} <= variant.price.keys() <= EXPONENTS.keys(), variant.sku
        dollars = variant.price["usd"]
        assert 500 <= dollars <= 60_000, variant.sku
        assert 0.85 <= variant.price["eur"] / dollars <= 1, variant.sku
        if "jpy" in variant.price:
            assert 1.3 <= variant.price["jpy"] / dollars <= 1.7, variant.sku
        assert variant.compare_at.keys() <= variant.price.keys(), variant.sku
        assert all(before > variant.price[currency] for currency, before in variant.compare_at.items()), variant.sku
        assert good.description.endswith((".", "!")), good.slug


def test_makers_tags_sales_and_opinions_are_about_goods_that_there_are() -> None:
    """A misspelt slug would leave a vendor without goods; nobody makes a thing twice, or speaks twice of one."""
    known = {good.slug for good in goods()}
    made = [slug for maker in makers.MAKERS.values() for slug in maker.makes]
    assert len(made) == len(set(made))
    tagged = {slug for tag in makers.TAGS.values() for slug in tag.on}
    assert {*made, *tagged, *makers.SALE, *(each.slug for each in opinions.OPINIONS)} <= known
    spoken = [(each.reader, each.slug) for each in opinions.OPINIONS]
    assert len(spoken) == len(set(spoken))
    assert {reader for reader, _ in spoken} == opinions.READERS.keys()
    assert SKU_EXAMPLE not in {variant.sku for good, variant in SHELF if good.slug in makers.SALE}


def test_choices_are_told_apart_and_every_exception_is_about_one_of_them() -> None:
    """A misspelt choice or SKU in a TOML file would otherwise pass in silence."""
    for good in goods():
        choices = [choice for listed in good.options.values() for choice in listed]
        skus = {variant.sku for variant in variants(good)}
        assert {*good.extra, *good.codes} <= set(choices), good.slug
        assert good.stock_of.keys() <= skus, good.slug
        assert len({tuple(variant.attributes.items()) for variant in variants(good)}) == len(skus), good.slug


def test_the_example_can_be_bought_in_plenty_and_in_every_currency() -> None:
    """What the printed curl lines buy stands first and does not run out."""
    _, first = SHELF[0]
    assert first.sku == SKU_EXAMPLE
    assert set(first.price) == set(CURRENCIES)
    assert first.stock >= 500


def test_there_is_something_of_everything() -> None:
    """Low and sold out, reduced tax and price, featured, not sold in a currency."""
    assert sum(variant.stock == 0 for _, variant in SHELF) >= 3
    assert sum(0 < variant.stock <= 5 for _, variant in SHELF) >= 5
    assert sum(good.tax == "reduced" for good in goods()) >= 4
    assert sum(bool(good.compare_at) for good in goods()) >= 4
    assert 5 <= sum(good.featured for good in goods()) <= 15
    assert sum("jpy" not in good.price for good in goods()) >= 2
    assert max(good.aged for good in goods()) > 180


def test_every_product_can_be_drawn() -> None:
    """Known kind, known colours; every kind is used by some product."""
    for good in goods():
        assert good.picture.kind in KINDS, good.slug
        assert {good.picture.main, good.picture.accent} <= COLOURS.keys(), good.slug
    assert {good.picture.kind for good in goods()} == KINDS

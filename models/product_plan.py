"""What it takes to bring products to what a catalogue's rows want: what to write, and what cannot be as wanted."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from models.errors import Refusal
from models.ids import new_id
from models.options import must_fit
from models.product_csv import ProductCells, Unfit
from models.product_import import BadRow, Group, Line, problem_of
from models.records import MOST_VARIANTS, PriceRecord, ProductOption


class Product(msgspec.Struct):
    """A product as it is, or will be."""

    id: UUID
    slug: str
    archived: bool
    name: str = ""
    description: str = ""
    category: str = ""
    vendor: str | None = None
    tags: list[str] = []
    tax_category: str = "standard"
    featured: bool = False
    options: list[ProductOption] = []


class Variant(msgspec.Struct):
    """A variant as it is, or will be."""

    id: UUID
    sku: str
    product: str
    """Slug."""
    attributes: Mapping[str, str]
    weight: int
    position: int
    archived: bool
    prices: dict[str, PriceRecord]
    """By currency."""


class Named(msgspec.Struct, frozen=True):
    """A category, a vendor or a tag."""

    id: UUID
    archived: bool


class Known(msgspec.Struct):
    """What there is of all that some rows are about."""

    products: dict[str, Product] = {}
    """By slug; and so are the last three."""
    variants: dict[str, Variant] = {}
    """By SKU."""
    of_product: dict[str, list[Variant]] = {}
    categories: dict[str, Named] = {}
    vendors: dict[str, Named] = {}
    tags: dict[str, Named] = {}


class Written(msgspec.Struct, frozen=True):
    """What a batch comes to."""

    products_created: int = 0
    products_changed: int = 0
    variants_created: int = 0
    variants_changed: int = 0


class Plan(msgspec.Struct):
    """What to write, and why some products cannot be written."""

    problems: list[BadRow] = []
    new_products: list[dict[str, Any]] = []
    products: list[dict[str, Any]] = []
    untag: list[tuple[UUID, str]] = []
    tag: list[tuple[UUID, UUID]] = []
    new_variants: list[dict[str, Any]] = []
    variants: list[dict[str, Any]] = []
    unprice: list[tuple[UUID, str]] = []
    price: list[dict[str, Any]] = []
    touched: set[UUID] = set()
    """Products of which anything changes."""
    changed_variants: set[UUID] = set()

    @property
    def concerned(self) -> set[UUID]:
        """Products that are made, or of which anything changes."""
        return self.touched | {each["id"] for each in (*self.new_products, *self.products)}

    @property
    def only_touched(self) -> set[UUID]:
        """Products whose own row stays as it is."""
        return self.touched - {each["id"] for each in (*self.new_products, *self.products)}

    @property
    def written(self) -> Written:
        """What it comes to."""
        new = {each["id"] for each in self.new_products}
        created = {each["id"] for each in self.new_variants}
        return Written(len(new), len(self.concerned - new), len(created), len(self.changed_variants - created))


def plan(known: Known, groups: Sequence[Group]) -> Plan:
    """What it takes; of a product that cannot be as wanted nothing is planned."""
    made = Plan()
    for group in groups:
        if group.problems:
            made.problems += group.problems
            continue
        try:
            _plan(known, group, made)
        except _Bad as bad:
            made.problems += bad.problems
    return made


class _Bad(Exception):
    """A product that cannot be written."""

    def __init__(self, problems: list[BadRow]) -> None:
        super().__init__(problems)
        self.problems = problems


def _plan(known: Known, group: Group, made: Plan) -> None:
    """One product. Raises: _Bad, and then nothing of it is planned."""
    was = known.products.get(group.slug)
    product, problems = _product(known, group, was)
    variants, more = _variants(known, group, product)
    problems += more
    if not problems:
        problems += _misfits(group, product, variants, known.of_product.get(group.slug, []))
    if problems:
        raise _Bad(problems)
    row = {
        "id": product.id, "slug": product.slug, "name": product.name, "description": product.description,
        "category_id": known.categories[product.category].id,
        "vendor_id": known.vendors[product.vendor].id if product.vendor else None,
        "tax_category": product.tax_category, "featured": product.featured, "options": product.options,
    }  # fmt: skip
    if was is None:
        made.new_products.append(row)
    elif msgspec.structs.replace(product, tags=was.tags) != was:
        made.products.append(row)
    before = set(was.tags if was else [])
    made.untag += [(product.id, tag) for tag in sorted(before - set(product.tags))]
    made.tag += [(product.id, known.tags[tag].id) for tag in sorted(set(product.tags) - before)]
    if before != set(product.tags):
        made.touched.add(product.id)
    for variant in variants:
        _plan_variant(known.variants.get(variant.sku), variant, product, made)


def _product(known: Known, group: Group, was: Product | None) -> tuple[Product, list[BadRow]]:
    line = group.said.line if group.said else group.line
    cells = group.said.product if group.said and group.said.product else ProductCells()
    problems = []
    if was is None and (cells.name is UNSET or cells.category is UNSET):
        problems.append(BadRow(group.line, "product", "there is no such product, and a new one has name and category"))
    if was is not None and was.archived:
        problems.append(BadRow(group.line, "product", "archived: restore it first"))
    given = {name: value for name in cells.__struct_fields__ if (value := getattr(cells, name)) is not UNSET}
    product = (
        msgspec.structs.replace(was, **given) if was else Product(id=new_id(), slug=group.slug, archived=False, **given)
    )
    named = (
        ("category", [product.category] if product.category else [], known.categories, [was.category] if was else []),
        ("vendor", [product.vendor] if product.vendor else [], known.vendors, [was.vendor] if was else []),
        ("tags", product.tags, known.tags, was.tags if was else []),
    )
    for column, slugs, found, before in named:
        for slug in slugs:
            if slug in before:
                continue
            if slug not in found:
                problems.append(BadRow(line, column, f"there is no {slug!r}"))
            elif found[slug].archived:
                problems.append(BadRow(line, column, f"{slug!r} is archived: restore it first"))
    return product, problems


def _variants(known: Known, group: Group, product: Product) -> tuple[list[Variant], list[BadRow]]:
    found, problems = [], []
    last = max((each.position for each in known.of_product.get(group.slug, []) if not each.archived), default=-1)
    for line in group.lines:
        if line.variant is None:
            continue
        was = known.variants.get(line.variant.sku)
        try:
            variant = _variant(line, was, product)
        except Unfit as unfit:
            problems.append(problem_of(line.line, unfit))
            continue
        if was is None:
            last += 1
            variant.position = last
        found.append(variant)
    return found, problems


def _variant(line: Line, was: Variant | None, product: Product) -> Variant:
    """Raises: Unfit."""
    cells = line.variant
    assert cells is not None
    if was is not None and was.product != product.slug:
        raise Unfit("sku", f"belongs to the product {was.product!r}, and a variant never moves")
    if was is not None and was.archived:
        raise Unfit("sku", "archived: restore it first")
    if was is None and cells.weight is UNSET:
        raise Unfit("weight", "there is no such variant, and a new one has a weight")
    prices = dict(was.prices) if was else {}
    for currency, cell in cells.prices.items():
        price = cell.record(currency, prices.pop(currency, None))
        if price is not None:
            prices[currency] = price
    return Variant(
        id=was.id if was else new_id(), sku=cells.sku, product=product.slug,
        attributes=cells.attributes if cells.attributes is not UNSET else was.attributes if was else {},
        weight=cells.weight if cells.weight is not UNSET else was.weight if was else 0,
        position=was.position if was else 0, archived=False, prices=prices,
    )  # fmt: skip


def _misfits(
    group: Group, product: Product, variants: Sequence[Variant], before: Sequence[Variant]
) -> Iterator[BadRow]:
    """What is wrong with a product's variants together."""
    attributes = {each.sku: each.attributes for each in (*(old for old in before if not old.archived), *variants)}
    lines = {line.variant.sku: line.line for line in group.lines if line.variant}
    if len(attributes) > MOST_VARIANTS:
        yield BadRow(group.line, "product", f"a product has at most {MOST_VARIANTS} variants")
    try:
        must_fit(product.options, attributes)
    except Refusal as refusal:
        concerned = [lines[sku] for sku in refusal.facts.get("skus", []) if sku in lines]
        yield BadRow(max(concerned, default=group.line), "attributes", refusal.detail)


def _plan_variant(was: Variant | None, variant: Variant, product: Product, made: Plan) -> None:
    if was is None:
        made.new_variants.append(
            {"id": variant.id, "product_id": product.id, "sku": variant.sku, "attributes": variant.attributes,
             "weight": variant.weight, "position": variant.position}
        )  # fmt: skip
    elif (variant.attributes, variant.weight) != (was.attributes, was.weight):
        made.variants.append({"id": variant.id, "attributes": variant.attributes, "weight": variant.weight})
    if variant == was:
        return
    made.touched.add(product.id)
    made.changed_variants.add(variant.id)
    before = was.prices if was else {}
    made.unprice += [(variant.id, currency) for currency in sorted(before.keys() - variant.prices.keys())]
    made.price += [
        _row(variant.id, price) for currency, price in sorted(variant.prices.items()) if before.get(currency) != price
    ]


def _row(variant: UUID, price: PriceRecord) -> dict[str, Any]:
    sale, before = price.sale, price.compare_at_price
    return {
        "variant_id": variant, "currency": price.price.currency, "amount": price.price.amount,
        "compare_at": before.amount if before else None, "sale_amount": sale.price.amount if sale else None,
        "sale_starts_at": sale.starts_at if sale else None, "sale_ends_at": sale.ends_at if sale else None,
    }  # fmt: skip

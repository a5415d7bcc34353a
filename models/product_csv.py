"""A catalogue as a table: what each column means, and how its cells are written and read back unchanged.

One row a variant, the rows of one product together; what is the product's stands in its first row. A column that is
left out changes nothing, an empty cell empties.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from models.address import Text
from models.money import EXPONENTS, Money
from models.records import (
    DEAREST,
    RESERVED,
    AttributeName,
    AttributeValue,
    PriceRecord,
    ProductOption,
    Prose,
    SaleWindow,
    Slug,
    Unpriceable,
    must_be_a_moment,
    must_be_a_price,
    must_be_a_window,
)

OF_PRODUCT = ("name", "description", "category", "vendor", "tags", "tax_category", "featured", "options")
OF_VARIANT = ("sku", "attributes", "weight")
OF_PRICE = ("price", "compare_at", "sale", "sale_starts_at", "sale_ends_at")
_PRICE_COLUMN = re.compile(rf"({'|'.join(OF_PRICE)})_([a-z]{{3}})").fullmatch

_TAX_CATEGORY = re.compile(r"[a-z][a-z0-9_-]{0,49}").fullmatch
_SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_AMOUNT = re.compile(r"(\d{1,12})(?:\.(\d{1,4}))?", re.ASCII).fullmatch
_WEIGHT = re.compile(r"\d{1,7}", re.ASCII).fullmatch
_FORMULA = re.compile(r"'*[=+\-@\t\r]").match
"""What a spreadsheet would compute instead of show."""
_GUARDED = re.compile(r"'+[=+\-@\t\r]").match
_YES = {"true": True, "false": False}


class Unfit(ValueError):
    """A cell that cannot be what its column says."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class ProductCells(msgspec.Struct, frozen=True):
    """What a row says of its product. UNSET: there is no such column."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    vendor: str | UnsetType | None = UNSET
    tags: list[str] | UnsetType = UNSET
    tax_category: str | UnsetType = UNSET
    featured: bool | UnsetType = UNSET
    options: list[ProductOption] | UnsetType = UNSET


class PriceCells(msgspec.Struct, frozen=True):
    """What a row says of a price. `price` None: not sold in this currency."""

    price: int | None
    compare_at: int | UnsetType | None = UNSET
    sale: tuple[int, datetime, datetime] | UnsetType | None = UNSET

    def record(self, currency: str, known: PriceRecord | None) -> PriceRecord | None:
        """The price that is wanted, where columns are left out as it is `known`. Raises: Unfit."""
        if self.price is None:
            if self.compare_at or self.sale:
                raise Unfit(f"price_{currency}", "there is a price before or a sale, but no price")
            return None
        before = known.compare_at_price.amount if known and known.compare_at_price else None
        before = before if isinstance(self.compare_at, UnsetType) else self.compare_at
        sale = known.sale if known else None
        if not isinstance(self.sale, UnsetType):
            sale = SaleWindow(Money(self.sale[0], currency), *self.sale[1:]) if self.sale else None
        wanted = PriceRecord(Money(self.price, currency), None if before is None else Money(before, currency), sale)
        if wanted == known:
            return known
        try:
            must_be_a_price(wanted)
        except Unpriceable as error:
            raise Unfit(f"{error.part}_{currency}", str(error)) from error
        return wanted


class VariantCells(msgspec.Struct, frozen=True):
    """What a row says of its variant."""

    sku: str
    attributes: dict[str, str] | UnsetType
    weight: int | UnsetType
    prices: dict[str, PriceCells]


class Columns:
    """The columns of one file. Raises: Unfit when one means nothing, or is there twice."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.currencies: dict[str, None] = {}
        for index, name in enumerate(self.names):
            price = _PRICE_COLUMN(name)
            if name in self.names[:index]:
                raise Unfit(name, "there are two columns of this name")
            if price and price[2] in EXPONENTS:
                self.currencies[price[2]] = None
            elif name not in ("product", *OF_PRODUCT, *OF_VARIANT):
                raise Unfit(name[:100], "no such column")
        if "product" not in self.names:
            raise Unfit("product", "this column is missing: it has the slug of each row's product")
        if "sku" not in self.names and (self.currencies or {"attributes", "weight"} & set(self.names)):
            raise Unfit("sku", "this column is missing: it says which variant a row is about")
        for currency in self.currencies:
            if f"price_{currency}" not in self.names:
                raise Unfit(f"price_{currency}", "this column is missing: others are about this price")
            if len({f"{name}_{currency}" for name in OF_PRICE[2:]} & set(self.names)) not in (0, 3):
                raise Unfit(f"sale_{currency}", "a sale has three columns: its price, its start and its end")

    def read(self, cells: Sequence[str]) -> dict[str, str]:
        """A row by its columns. Raises: Unfit when it has more or fewer."""
        if len(cells) != len(self.names):
            raise Unfit("", f"{len(cells)} cells, where the first line has {len(self.names)}")
        return {name: _bare(cell) for name, cell in zip(self.names, cells, strict=True)}

    def product(self, row: Mapping[str, str]) -> ProductCells | None:
        """What the row says of its product; None: nothing, all these cells are empty. Raises: Unfit."""
        given = {name: row[name] for name in OF_PRODUCT if name in row}
        if not any(given.values()):
            return None
        return ProductCells(**{name: _PRODUCT[name](name, cell) for name, cell in given.items()})

    def variant(self, row: Mapping[str, str]) -> VariantCells | None:
        """What the row says of its variant; None: it names none. Raises: Unfit."""
        sku = row.get("sku", "")
        if not sku:
            filled = [name for name in self.names if row[name] and name not in ("product", *OF_PRODUCT)]
            if filled:
                raise Unfit("sku", f"empty, but {filled[0]} is not")
            return None
        if not _SKU(sku):
            raise Unfit("sku", "a SKU has 1 to 64 letters, digits, dots, dashes and underscores")
        weight: int | UnsetType = UNSET
        if "weight" in row:
            if not _WEIGHT(row["weight"]):
                raise Unfit("weight", "expected whole grams")
            weight = int(row["weight"])
        attributes = _pairs("attributes", row["attributes"]) if "attributes" in row else UNSET
        return VariantCells(sku, attributes, weight, {each: _price(row, each) for each in self.currencies})


def slug_of(row: Mapping[str, str]) -> str:
    """Of a row's product. Raises: Unfit."""
    slug = _fit("product", row["product"], Slug)
    if slug in RESERVED:
        raise Unfit("product", "no product is called so: something else has that address")
    return str(slug)


def guarded(cell: str) -> str:
    """A text as a spreadsheet shows it, and never computes it."""
    return f"'{cell}" if _FORMULA(cell) else cell


def amount_cell(amount: int | None, currency: str) -> str:
    """19.99 for 1999 cents."""
    if amount is None:
        return ""
    digits = EXPONENTS[currency]
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{rest:0{digits}d}" if digits else str(whole)


def time_cell(at: datetime | None) -> str:
    """RFC 3339, UTC."""
    return "" if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def pairs_cell(pairs: Mapping[str, str]) -> str:
    """`size=M; colour=sand`."""
    return "; ".join(f"{_escaped(name)}={_escaped(value)}" for name, value in pairs.items())


def options_cell(options: Sequence[ProductOption]) -> str:
    """`size=S|M|L; colour=sand|sea`."""
    return "; ".join(f"{_escaped(each.name)}={'|'.join(map(_escaped, each.values))}" for each in options)


def _bare(cell: str) -> str:
    return cell[1:] if _GUARDED(cell) else cell


def _fit(column: str, cell: str, kind: Any) -> Any:
    try:
        return msgspec.convert(cell, kind)
    except msgspec.ValidationError as error:
        reason = str(error).replace("`str`", "text")
        raise Unfit(column, "missing" if not cell else reason[0].lower() + reason[1:]) from error


def _vendor(column: str, cell: str) -> str | None:
    return _fit(column, cell, Slug) if cell else None


def _slugs(column: str, cell: str) -> list[str]:
    found = sorted({_fit(column, part.strip(), Slug) for part in cell.split("|")}) if cell else []
    if len(found) > 50:
        raise Unfit(column, "at most 50")
    return found


def _tax_category(column: str, cell: str) -> str:
    if not _TAX_CATEGORY(cell):
        raise Unfit(column, "expected a tax category as tax rates name it")
    return cell


def _featured(column: str, cell: str) -> bool:
    if cell.lower() not in _YES:
        raise Unfit(column, "expected true or false")
    return _YES[cell.lower()]


def _options(column: str, cell: str) -> list[ProductOption]:
    found = {}
    for name, value in _split_pairs(column, cell):
        values = [_fit(column, _unescaped(part), AttributeValue) for part in _split(value, "|")]
        if len(set(values)) < len(values):
            raise Unfit(column, "a value is named twice")
        if len(values) > 100:
            raise Unfit(column, "at most 100 values")
        found[name] = ProductOption(name, values)
    return list(found.values())


def _pairs(column: str, cell: str) -> dict[str, str]:
    return {name: _fit(column, _unescaped(value), AttributeValue) for name, value in _split_pairs(column, cell)}


def _split_pairs(column: str, cell: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for index, part in enumerate(_split(cell, ";") if cell else []):
        name, *value = _split(part.removeprefix(" ") if index else part, "=")
        if len(value) != 1:
            raise Unfit(column, "expected name=value; name=value")
        name = _fit(column, _unescaped(name), AttributeName)
        if name in found:
            raise Unfit(column, "a name is there twice")
        found[name] = value[0]
    if len(found) > 10:
        raise Unfit(column, "at most 10")
    return list(found.items())


def _price(row: Mapping[str, str], currency: str) -> PriceCells:
    def amount(name: str) -> int | None:
        return _amount(f"{name}_{currency}", row[f"{name}_{currency}"], currency)

    compare_at = amount("compare_at") if f"compare_at_{currency}" in row else UNSET
    sale: Any = UNSET
    if f"sale_{currency}" in row:
        lower = amount("sale")
        starts, ends = (_time(name, row[name]) for name in (f"{each}_{currency}" for each in OF_PRICE[3:]))
        if (lower is None, starts is None, ends is None) not in ((True,) * 3, (False,) * 3):
            raise Unfit(f"sale_{currency}", "a sale has a price, a start and an end")
        if starts is not None and ends is not None:
            try:
                must_be_a_window(starts, ends)
            except ValueError as error:
                raise Unfit(f"sale_ends_at_{currency}", str(error)) from error
        sale = None if lower is None else (lower, starts, ends)
    return PriceCells(amount("price"), compare_at, sale)


def _amount(column: str, cell: str, currency: str) -> int | None:
    if not cell:
        return None
    found, digits = _AMOUNT(cell), EXPONENTS[currency]
    if not found or len(found[2] or "") > digits:
        raise Unfit(column, f"expected an amount like {amount_cell(1999, currency)}")
    amount = int(found[1] + (found[2] or "").ljust(digits, "0"))
    if amount > DEAREST:
        raise Unfit(column, f"at most {amount_cell(DEAREST, currency)}")
    return amount


def _time(column: str, cell: str) -> datetime | None:
    if not cell:
        return None
    try:
        at = datetime.fromisoformat(cell)
        must_be_a_moment(at)
    except ValueError as error:
        raise Unfit(column, "expected a time like 2026-11-27T00:00:00Z, from 2000 to 9000") from error
    if at.tzinfo is None:
        raise Unfit(column, "expected a time like 2026-11-27T00:00:00Z, with its zone")
    return at.astimezone(UTC)


def _escaped(text: str) -> str:
    return re.sub(r"([\\;=|])", r"\\\1", text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _split(text: str, sign: str) -> list[str]:
    """At each `sign` that no backslash stands before."""
    found = [""]
    for part in text.split(sign):
        behind = len(found[-1]) - len(found[-1].rstrip("\\"))
        if behind % 2:  # the sign before this part was escaped
            found[-1] += sign + part
        else:
            found.append(part)
    return found[1:]


_PRODUCT: Mapping[str, Any] = {
    "name": lambda column, cell: _fit(column, cell, Text), "category": lambda column, cell: _fit(column, cell, Slug),
    "description": lambda column, cell: _fit(column, cell.replace("\r\n", "\n"), Prose), "vendor": _vendor,
    "tags": _slugs, "tax_category": _tax_category, "featured": _featured, "options": _options,
}  # fmt: skip

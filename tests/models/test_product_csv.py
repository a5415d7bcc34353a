"""A catalogue as a table: read in blocks cut anywhere, bad cells told by line and column, and written back alike."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import csv_lines
from models.money import Money
from models.product_csv import (
    OF_VARIANT,
    Columns,
    Unfit,
    amount_cell,
    guarded,
    options_cell,
    pairs_cell,
    slug_of,
    time_cell,
)
from models.product_import import BadRow, Batch, batch
from models.records import PriceRecord, ProductOption, SaleWindow

NAMES = ["product", "name", "description", "category", "sku", "attributes", "weight", "price_usd"]
COLUMNS = Columns(NAMES)


def read(text: str | bytes, *, most: int = 1000, ended: bool = True, names: list[str] = NAMES) -> Batch:
    """What a block says."""
    return batch(text.encode() if isinstance(text, str) else text, Columns(names), ",", 2, ended, most)


def problems(text: str | bytes, names: list[str] = NAMES) -> list[tuple[int, str | None, str]]:
    """(line, column, reason) of all."""
    found = read(text, names=names)
    every = [*found.problems, *(each for group in found.groups for each in group.problems)]
    return [(each.line, each.column, each.reason) for each in sorted(every, key=lambda each: each.line)]


def row(**cells: str) -> str:
    """One row of the usual columns, all good."""
    usual = {"product": "mug", "name": "Mug", "category": "mugs", "sku": "MUG", "weight": "300", "price_usd": "10.00"}
    return csv_lines.line_of([{**usual, **cells}.get(name, "") for name in NAMES])


def test_a_row() -> None:
    """Given a row, then its product and its variant are known by it."""
    found = read('mug,"Mug, large","Two\r\nlines ""so""",mugs,MUG-L,size=L; colour=sand,420,19.99\r\n')
    (group,) = found.groups
    assert (group.slug, group.line, group.problems, found.rows, found.consumed) == ("mug", 2, [], 1, 79)
    line = group.lines[0]
    assert line.product is not None and line.variant is not None
    assert (line.product.name, line.product.description) == ("Mug, large", 'Two\nlines "so"')
    assert line.product.category == "mugs"
    assert (line.variant.sku, line.variant.attributes) == ("MUG-L", {"size": "L", "colour": "sand"})
    assert (line.variant.weight, line.variant.prices["usd"].price) == (420, 1999)


def test_rows_of_one_product() -> None:
    """Given rows that stand together, then they are one product; only the first one has to say what it is."""
    text = row() + "mug,,,,MUG-2,,1,5\n" + row(sku="MUG-3") + row(product="tea", sku="TEA")
    found = read(text)
    assert [(group.slug, [line.line for line in group.lines]) for group in found.groups] == [
        ("mug", [2, 3, 4]), ("tea", [5]),
    ]  # fmt: skip
    assert [group.problems for group in found.groups] == [[], []]


def test_rows_that_contradict() -> None:
    """Given a later row that says something else of the product, then that is told."""
    text = row() + row(sku="MUG-2", name="Jug", category="jugs")
    assert problems(text) == [
        (3, "name", "says something else than line 2"), (3, "category", "says something else than line 2")
    ]  # fmt: skip


BAD: list[tuple[str, str | None, str]] = [
    (row(product=""), "product", "missing"), (row(product="Mug"), "product", "expected text matching"),
    (row(product="export"), "product", "something else has that address"), (row(name=""), "name", "missing"),
    (row(name="a\x00b"), "name", "expected text matching"), (row(name="a" * 201), "name", "expected text of length <="),
    (row(category="no slug"), "category", "expected text"), (row(description="\x08"), "description", "expected text"),
    (row(sku="a b"), "sku", "a SKU has"), (row(sku=""), "sku", "empty, but weight is not"),
    (row(attributes="size"), "attributes", "name=value"), (row(attributes="a=1; a=2"), "attributes", "twice"),
    (row(attributes="=1"), "attributes", "missing"), (row(attributes="a="), "attributes", "missing"),
    (row(attributes="a=1=2"), "attributes", "name=value"), (row(weight=""), "weight", "grams"),
    (row(weight="-1"), "weight", "grams"), (row(weight="1.5"), "weight", "grams"), (row(weight="٣"), "weight", "grams"),
    (row(weight="9" * 30), "weight", "grams"), (row(price_usd="-1"), "price_usd", "amount like 19.99"),
    (row(price_usd="1.999"), "price_usd", "amount like"), (row(price_usd="1,99"), "price_usd", "amount like"),
    (row(price_usd="1e3"), "price_usd", "amount like"), (row(price_usd="NaN"), "price_usd", "amount like"),
    (row(price_usd="40000000.01"), "price_usd", "at most 40000000.00"), (row(price_usd="9" * 400), "price_usd", "like"),
    ("mug,Mug\n", None, "2 cells, where the first line has 8"), (row()[:-2] + ",more\n", None, "9 cells"),
    ('mug,"Mug\n', None, "not readable as CSV"), ('mug,"Mug"x,\n', None, "not readable as CSV"),
    ("mug," + "x" * 200_000 + "\n", None, "not readable as CSV: field larger"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "column", "reason"), BAD)
def test_bad_cells(text: str, column: str | None, reason: str) -> None:
    """Given one bad cell among good rows, then its line, column and reason are told, and nothing else."""
    good = row(product="tea", sku="TEA")
    found = problems(good + text)
    assert [(line, where) for line, where, _ in found] == [(3, column)], found
    assert reason in found[0][2]


def test_what_is_no_utf8() -> None:
    """Given a row in another encoding, then it is told, and the next one is read."""
    text = row().encode() + row(product="tee", name="Grüner Tee", sku="TEE").encode("latin-1") + row(
        product="tea", sku="TEA"
    ).encode()  # fmt: skip
    assert problems(text) == [(3, None, "not written in UTF-8")]
    assert [group.slug for group in read(text).groups] == ["mug", "tea"]


@pytest.mark.parametrize(
    ("names", "column"),
    [
        (["name"], "product"), (["product", "x"], "x"), (["product", "product"], "product"), (["product", ""], ""),
        (["product", "weight"], "sku"), (["product", "sku", "price_xxx"], "price_xxx"),
        (["product", "sku", "compare_at_usd"], "price_usd"), (["product", "sku", "price_usd", "sale_usd"], "sale_usd"),
        (["product", "price_usd"], "sku"), (["product", "sku", "price_USD"], "price_USD"),
    ],
)  # fmt: skip
def test_columns_that_mean_nothing(names: list[str], column: str) -> None:
    """Given a first line that cannot be, then the column is named."""
    with pytest.raises(Unfit) as unfit:
        Columns(names)
    assert unfit.value.column == column


def test_the_first_line() -> None:
    """Given a first line with a byte order mark, other separators, or none, then it is read or refused."""
    assert csv_lines.header(b"\xef\xbb\xbfproduct, sku\r\nmug") == (["product", "sku"], ",", 17)
    assert csv_lines.header(b"product;sku\nmug;MUG") == (["product", "sku"], ";", 12)
    assert csv_lines.header(b"product\tsku") == (["product", "sku"], "\t", 11)
    assert csv_lines.header(b"") is csv_lines.header(b"\xef\xbb\xbf\r\n") is None
    for garbage in (b"\xff\xfep\x00r\x00", b"\x00\x01", b"\xff\n"):
        with pytest.raises(ValueError, match=r"UTF-8|codec"):
            csv_lines.header(garbage)


TEXT = (
    row() + 'mug,,"a\nb\r\nc",,MUG-2,,1,5\n\n' + "mug,,,,M\n" + row(product="tea", name="Täa, 🍵", sku="TEA") + "tea\n"
    + row(product="pot", sku="POT", name='"x"')
).encode()  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 60, 64, 100, 150, 200, 1000])
@pytest.mark.parametrize("most", [1, 2, 1000])
def test_blocks_cut_anywhere(size: int, most: int) -> None:
    """Given a file read in blocks of any size, growing where one product does not fit, then nothing is lost."""
    whole = read(TEXT)
    at, line, groups, strays = 0, 2, [], list[BadRow]()
    while at < len(TEXT):
        length = size
        while True:
            ended = at + length >= len(TEXT)
            found = batch(TEXT[at : at + length], COLUMNS, ",", line, ended, most)
            if found.consumed or ended:
                break
            length *= 2
        groups += found.groups
        strays += found.problems
        at, line = at + found.consumed, found.next_line
    told = [(group.slug, group.line, group.lines, group.problems) for group in groups]
    expected = [(group.slug, group.line, group.lines, group.problems) for group in whole.groups]
    assert (told, strays) == (expected, whole.problems)
    assert [(group.slug, group.line) for group in groups] == [("mug", 2), ("tea", 8), ("pot", 10)]


WORD = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(WORD, WORD, max_size=4), st.lists(st.lists(WORD, min_size=1, max_size=3, unique=True), max_size=3)
)
def test_words_come_back_unchanged(pairs: dict[str, str], values: list[list[str]]) -> None:
    """Given any names and values, then what is written is read as it was, through a CSV file and back."""
    options = [ProductOption(f"{index}{chosen[0]}", chosen) for index, chosen in enumerate(values)]
    cells = ["mug", guarded(options_cell(options)), "MUG", guarded(pairs_cell(pairs)), "0"]
    names = ["product", "options", *OF_VARIANT]
    found = read(csv_lines.line_of(cells), names=names).groups[0]
    assert found.problems == []
    line = found.lines[0]
    assert line.variant is not None and line.variant.attributes == pairs
    assert (line.product is None) is (options == [])
    assert line.product is None or line.product.options == options


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_no_cell_is_computed(text: str) -> None:
    """Given any text, then as a cell it begins with no sign of a formula, and is read as it was."""
    cell = guarded(text)
    assert cell[:1] not in tuple("=+-@\t\r") or not cell
    assert Columns(["product"]).read([cell]) == {"product": text}


@pytest.mark.parametrize(
    ("amount", "currency", "cell"),
    [(1999, "usd", "19.99"), (5, "usd", "0.05"), (0, "usd", "0.00"), (500, "jpy", "500"), (1, "kwd", "0.001")],
)
def test_amounts(amount: int, currency: str, cell: str) -> None:
    """Given an amount in minor units, then it is written with its currency's digits, and read exactly."""
    assert amount_cell(amount, currency) == cell
    columns = Columns(["product", "sku", f"price_{currency}"])
    found = columns.variant(columns.read(["mug", "MUG", cell]))
    assert found is not None and found.prices[currency].price == amount


SALE = ["product", "sku", "price_usd", "compare_at_usd", "sale_usd", "sale_starts_at_usd", "sale_ends_at_usd"]
FROM, TO = "2026-11-27T00:00:00Z", "2026-12-01T01:00:00+01:00"


def test_a_sale() -> None:
    """Given a price with a price before and a sale, then all of it is one price; columns left out stay as they were."""
    columns = Columns(SALE)
    found = columns.variant(columns.read(["mug", "MUG", "20", "25", "15.5", FROM, TO]))
    assert found is not None
    window = SaleWindow(Money(1550, "usd"), datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    wanted = PriceRecord(Money(2000, "usd"), Money(2500, "usd"), window)
    assert found.prices["usd"].record("usd", None) == wanted
    assert time_cell(window.starts_at) == FROM
    short = Columns(SALE[:3])
    other = short.variant(short.read(["mug", "MUG", "18"]))
    assert other is not None
    assert other.prices["usd"].record("usd", wanted) == PriceRecord(Money(1800, "usd"), Money(2500, "usd"), window)
    with pytest.raises(Unfit, match="lower"):
        gone = short.variant(short.read(["mug", "MUG", "15"]))
        assert gone is not None
        gone.prices["usd"].record("usd", wanted)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        (["20", "20", "", "", ""], "compare_at_usd"), (["20", "", "20", FROM, TO], "sale_usd"),
        (["20", "", "15", FROM, ""], "sale_usd"), (["20", "", "", FROM, TO], "sale_usd"),
        (["", "25", "", "", ""], "price_usd"), (["20", "", "15", TO, FROM], "sale_ends_at_usd"),
        (["20", "", "15", "2026-11-27", TO], "sale_starts_at_usd"),
        (["20", "", "15", "soon", TO], "sale_starts_at_usd"),
        (["20", "", "15", "2026-11-27T00:00:00", TO], "sale_starts_at_usd"),
        (["20", "", "15", "0001-01-01T00:00:00+14:00", TO], "sale_starts_at_usd"),
        (["20", "", "15", FROM, "9999-12-31T23:59:59-14:00"], "sale_ends_at_usd"),
    ],
)  # fmt: skip
def test_sales_that_cannot_be(cells: list[str], column: str) -> None:
    """Given a sale without an end, or one that is dearer, then its column is told."""
    columns = Columns(SALE)
    with pytest.raises(Unfit) as unfit:
        found = columns.variant(columns.read(["mug", "MUG", *cells]))
        assert found is not None
        found.prices["usd"].record("usd", None)
    assert unfit.value.column == column


@pytest.mark.parametrize("slug", ["", "Mug", "a b", "-a", "a" * 101, "import", "a\n", "../x"])
def test_slugs(slug: str) -> None:
    """Given what is no product's slug, then that is told."""
    with pytest.raises(Unfit):
        slug_of({"product": slug})


def test_a_cell_that_never_ends() -> None:
    """Given quotes that are opened and never closed in a large file, then reading goes on behind them."""
    text = 'mug,"' + "x,1\n" * 60_000 + row(product="tea", sku="TEA")
    found: Any = read(text, most=10**9)
    assert any("field larger" in each.reason for each in found.problems)
    assert [group.slug for group in found.groups][-1:] in ([], ["tea"])

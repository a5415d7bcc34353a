"""Papers as files: opened again they say what was frozen, in every language, and the same bytes whenever drawn."""

import io
import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from pypdf import PdfReader

from models.address import Address
from models.ids import OrderId, OrderNumber, PaperId, new_id
from models.invoice import Given, GivenBack, PaperKind, Sold, Sums, credit, invoice
from models.money import Money
from models.papers.paper import Paper, Shop, Slip, SlipItem, Tender
from models.papers.press import draw, draw_slip
from models.papers.words import WORDS, rate
from models.pricing import Item, TaxRate, price
from models.wording.formats import country, day, money
from models.wording.languages import LANGUAGES

SHOP = Shop("Holdfast GmbH", ("Musterstr. 5", "10115 Berlin"), "DE123456789")
HOME = Address(
    full_name="Łucja Höpper – አበበ ቢቂላ", line1="Chausseestr. 1", city="Berlin", postal_code="10115", country="DE"
)
AWAY = msgspec.structs.replace(HOME, line1="12 rue de l’Œuvre", city="Orléans", postal_code="45000", country="FR")
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


def eur(amount: int) -> Money:
    return Money(amount, "eur")


def goods(*names: str) -> tuple[list[Sold], Sums]:
    """Two units of each at 19.99 euros, 19 % contained; the first one with a discount, the last one as food."""
    items = [Item(2, eur(1999), 1, "food" if name == names[-1] else "standard") for name in names]
    off = [eur(300), *[eur(0)] * (len(names) - 1)]
    rates = [TaxRate("DE", 190_000, True, "MwSt."), TaxRate("DE", 70_000, True, "MwSt.", None, "food")]
    priced = price(items, eur(490), rates, "DE", None, off)
    lines = [
        Sold(UUID(int=place + 1), f"SKU-{place}", name, 2, eur(1999), off[place], priced.line_taxes[place])
        for place, name in enumerate(names)
    ]
    return lines, invoice(lines, priced.totals, priced.taxes, "Standard")


def paper(sums: Sums, language: str = "en", **changes: object) -> Paper:
    """An invoice of a Berliner that goes to Orléans."""
    return msgspec.structs.replace(
        Paper(
            PaperId(new_id()), OrderId(new_id()), PaperKind.INVOICE, 1, "INV-2026-000042",
            OrderNumber("HF-AAAAA-BBBBB"), AT, AT, language, SHOP, HOME, AWAY, sums, None,
            (Tender("credit", eur(500)), Tender("stripe", sums.total - eur(500))),
        ), **changes,
    )  # fmt: skip


def read(file: bytes) -> str:
    """What is printed, page after page, blanks as blanks."""
    said = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(file)).pages)
    return said.replace("\u00a0", " ").replace("\u202f", " ")


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_invoice_says_all_of_its_order(language: str) -> None:
    """Given an invoice, then its file has shop, buyer, every row, tax by rate, the sums, and how it was paid."""
    _, sums = goods("Becher <b>„Groß“</b> & Co", "ቡና")
    said = read(draw(paper(sums, language))[0])
    words = WORDS[language]
    expected = [
        words["invoice"], "INV-2026-000042", "HF-AAAAA-BBBBB", SHOP.name, *SHOP.address, "DE123456789",
        "Łucja Höpper – አበበ ቢቂላ", "Chausseestr. 1", "12 rue de l’Œuvre", country("DE", language),
        country("FR", language), day(AT, language), "Becher <b>„Groß“</b> & Co", "ቡና", "SKU-0", "SKU-1",
        f"{words['shipping']} – Standard", words["included"], words["credit"], "Stripe",
        words["page"].format(n=1, of=1), rate(190_000, language), rate(70_000, language),
    ]  # fmt: skip
    amounts = [eur(3698), eur(3998), eur(1999), eur(490), eur(-300), sums.net, sums.tax, sums.total, eur(500)]
    amounts += [each for of in sums.rates for each in (of.net, of.tax, of.gross)]
    for each in [*expected, *(money(amount, language) for amount in amounts)]:
        assert plain(each) in said
    assert sums.total.amount == 3698 + 3998 + 490


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_credit_note_names_its_invoice(language: str) -> None:
    """Given a credit note of one unit, then it names the invoice, the unit, and what is credited."""
    lines, sums = goods("Mug", "Bread")
    given = Given(1, eur(1999), (GivenBack(lines[1].id, 1, eur(1999)),))
    note = credit(sums, [], eur(1999), given, {line.id: line for line in lines})
    said = read(draw(paper(note, language, kind=PaperKind.CREDIT_NOTE, number="CN-2026-000007", of="INV-2026-000042",
                           paid=()))[0])  # fmt: skip
    words = WORDS[language]
    for each in ("CN-2026-000007", "INV-2026-000042", "Bread", words["credit_note"], words["credited"],
                 money(note.net, language), money(note.tax, language), money(eur(1999), language)):  # fmt: skip
        assert plain(each) in said
    assert "Mug" not in said


def test_the_same_paper_is_the_same_file() -> None:
    """Given a paper that is drawn twice, then byte by byte the same, as long and with the hash that is remembered."""
    one = paper(goods("Mug", "Bread")[1])
    file, printed = draw(one)
    assert draw(one) == (file, printed)
    assert len(file) == printed.size < 60_000
    assert draw(msgspec.structs.replace(one, number="INV-2026-000043"))[1] != printed


def test_the_press_begins_with_little() -> None:
    """Given the press as a program, then what takes longer to load than a paper to draw does not come with it."""
    heavy = {"asyncio", "temporalio", "sqlalchemy", "structlog"}
    asked = f"import sys, models.papers.program; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_fonts_are_within_the_file() -> None:
    """Given a paper with Latin and Ethiopic, then each font it uses is embedded: it looks the same everywhere."""
    file, _ = draw(paper(goods("Mug", "ቡና")[1]))
    fonts = [font for page in PdfReader(io.BytesIO(file)).pages for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    used = {font.get_object()["/BaseFont"] for font in fonts if "NotoSans" in font.get_object()["/BaseFont"]}
    assert len(used) >= 3
    for font in fonts:
        if "NotoSans" in font.get_object()["/BaseFont"]:
            assert "/FontFile2" in font.get_object()["/FontDescriptor"]


def test_a_long_order_goes_over_pages() -> None:
    """Given two hundred positions with long names, then all are there, each page says its head and its number."""
    names = [f"Thing {place}, whose name is so long that it has to go on in another line" for place in range(200)]
    said = read(draw(paper(goods(*names)[1]))[0])
    pages = len(PdfReader(io.BytesIO(draw(paper(goods(*names)[1]))[0])).pages)
    assert pages > 5
    assert all(f"SKU-{place}\n" in said for place in range(200))
    assert said.count(WORDS["en"]["unit_price"]) == said.count(f"of {pages}") == pages


@pytest.mark.parametrize(
    "name", ["", "😀 \ud7ff", "x" * 2000, "<para>&nbsp;</para>", "a\x00b\x07", "中文 العربية", "%s {0}"]
)
def test_whatever_people_write_is_printed(name: str) -> None:
    """Given names in every script, of any length, with markup or control characters, then there is a paper."""
    assert read(draw(paper(goods(name, "Bread")[1]))[0]).count("Bread") == 1


def test_a_packing_slip_says_what_lies_in_the_parcel() -> None:
    """Given a parcel, then its slip has what lies in it of how many, where to, and no price."""
    slip = Slip(OrderNumber("HF-AAAAA-BBBBB"), AT, 2, AT, "DHL", "0034", "BERLIN", AWAY, "de", SHOP,
                (SlipItem("MUG", "Becher", 2, 5), SlipItem("ቡና", "ቡና", 1, 1)))  # fmt: skip
    said = read(draw_slip(slip))
    for each in ("Lieferschein", "HF-AAAAA-BBBBB", "DHL", "0034", "BERLIN", "MUG", "Becher", "Orléans", "Frankreich"):
        assert each in said
    assert "€" not in said
    assert draw_slip(slip) == draw_slip(slip)


def test_every_language_has_every_word() -> None:
    """Given the words of papers, then each language has the same, none empty, with the same gaps to fill."""
    for words in WORDS.values():
        assert words.keys() == WORDS["en"].keys()
        assert all(words.values())
        assert ("{n}" in words["page"]) and ("{of}" in words["page"])
    assert tuple(WORDS) == tuple(LANGUAGES)

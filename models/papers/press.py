"""Draws papers as PDF with ReportLab: A4, fonts within the file, the same bytes whenever the same paper is drawn."""

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from models.address import Address
from models.invoice import PaperKind, RateSum, Row, RowKind
from models.papers.paper import Paper, Printed, Shop, Slip
from models.papers.words import WORDS, rate
from models.wording.formats import country, day, money
from models.wording.languages import language_of

_FONTS = Path(__file__).with_name("fonts")
_LATIN, _ETHIOPIC = ("NotoSans-Regular", "NotoSans-Bold"), ("NotoSansEthiopic-Regular", "NotoSansEthiopic-Bold")
_SYLLABLES = re.compile(r"[\u1200-\u139f]+")
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f]")
_MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_PADDING = 6
"""ReportLab's own, of a frame."""
_FAINT, _INK = colors.HexColor("#6b7280"), colors.HexColor("#111827")
_turn = Lock()
"""ReportLab's fonts belong to the process: one paper at a time."""

Words = Callable[[str], str]


def draw(paper: Paper) -> tuple[bytes, Printed]:
    """An invoice or a credit note as a file, and what is remembered of it."""
    words = WORDS[language_of(paper.locale)].__getitem__
    data = _print(_story(paper, words), f"{words(paper.kind)} {paper.number}", paper.shop, words)
    return data, Printed(hashlib.sha256(data).hexdigest(), len(data))


def draw_slip(slip: Slip) -> bytes:
    """A parcel's packing slip as a file."""
    words = WORDS[language_of(slip.locale)].__getitem__
    return _print(_content(slip, words), f"{words('packing_slip')} {slip.order_number}/{slip.n}", slip.shop, words)


def _story(paper: Paper, words: Words) -> Iterator[Flowable]:
    yield from _head(paper.shop, words)
    yield _title(words(paper.kind))
    yield from _facts(_about(paper, words))
    yield _addresses(paper.buyer, paper.ship_to, paper.locale)
    yield Spacer(0, 6 * mm)
    yield _rows(paper, words)
    yield Spacer(0, 4 * mm)
    yield KeepTogether([*_sums(paper, words), *_paid(paper, words)])


def _content(slip: Slip, words: Words) -> Iterator[Flowable]:
    yield from _head(slip.shop, words)
    yield _title(words("packing_slip"))
    yield from _facts([
        (words("order"), slip.order_number), (words("ordered"), day(slip.placed_at, slip.locale)),
        (words("parcel"), str(slip.n)), (words("sent"), day(slip.shipped_at, slip.locale)),
        (words("carrier"), slip.carrier), (words("tracking"), slip.tracking), (words("from"), slip.location),
    ])  # fmt: skip
    yield _addresses(None, slip.to, slip.locale)
    yield Spacer(0, 6 * mm)
    head = _titles(words, "item", "of_order", "in_parcel")
    body = [
        [_item(item.name, item.sku), _said(str(item.ordered), right=True), _said(str(item.quantity), right=True)]
        for item in slip.items
    ]
    yield _table([head, *body], [_WIDTH - 60 * mm, 30 * mm, 30 * mm])


def _about(paper: Paper, words: Words) -> list[tuple[str, str]]:
    about = [
        (words("number"), paper.number), (words("date"), day(paper.issued_at, paper.locale)),
        (words("order"), paper.order_number), (words("ordered"), day(paper.placed_at, paper.locale)),
    ]  # fmt: skip
    return [*about, (words("of"), paper.of)] if paper.of else about


def _head(shop: Shop, words: Words) -> list[Flowable]:
    rest = [_said(line, faint=True) for line in shop.address]
    if shop.tax_id:
        rest.append(_said(f"{words('tax_id')}: {shop.tax_id}", faint=True))
    return [_said(shop.name, bold=True, size=11), *rest, Spacer(0, 8 * mm)]


def _title(text: str) -> Flowable:
    return _said(text, bold=True, size=18, after=3 * mm)


def _facts(facts: Iterable[tuple[str, str]]) -> list[Flowable]:
    rows = [[_said(name, faint=True), _said(value)] for name, value in facts]
    table = Table(rows, [38 * mm, _WIDTH - 38 * mm], style=_PLAIN)
    return [table, Spacer(0, 5 * mm)]


def _addresses(bill: Address | None, ship: Address, locale: str) -> Flowable:
    words = WORDS[language_of(locale)]
    columns = [_address(words["bill_to"], bill, locale)] if bill is not None else []
    if bill != ship:
        columns.append(_address(words["ship_to"], ship, locale))
    columns += [[]] * (2 - len(columns))
    return Table([columns], [_WIDTH / 2] * 2, style=_PLAIN)


def _address(title: str, address: Address, locale: str) -> list[Flowable]:
    place = f"{address.postal_code} {address.city}" + (f", {address.region}" if address.region else "")
    lines = [address.full_name, address.line1, address.line2, place, country(address.country, locale)]
    return [_said(title, faint=True), *(_said(line) for line in lines if line)]


def _rows(paper: Paper, words: Words) -> Flowable:
    head = _titles(words, "item", "quantity", "unit_price", "rate", "amount")
    body = [_row(paper, row, words) for row in paper.sums.rows]
    return _table([head, *body], [_WIDTH - 101 * mm, 14 * mm, 30 * mm, 25 * mm, 32 * mm])


def _row(paper: Paper, row: Row, words: Words) -> list[Any]:
    locale, of = paper.locale, paper.sums.rates[row.rate]
    names = {
        RowKind.SHIPPING: words("shipping") + (f" – {row.name}" if row.name else ""),
        RowKind.AMOUNT: words("given_back"), RowKind.KEPT: words("kept"), RowKind.CANCELLED: words("rest"),
    }  # fmt: skip
    off = None
    if row.discount is not None and row.discount.amount:
        off = f"{words('discount')} {money(-row.discount, locale)}"
    return [
        _item(names.get(row.kind, row.name), row.sku, off),
        _said(str(row.quantity) if row.quantity else "", right=True),
        _said(money(row.unit_price, locale) if row.unit_price else "", right=True),
        _said(_rate(of, paper, words), right=True),
        _said(money(row.amount, locale), right=True),
    ]  # fmt: skip


def _rate(of: RateSum, paper: Paper, words: Words) -> str:
    if of.ppm is None:
        return words("tax") if of.name else words("untaxed")
    return rate(of.ppm, paper.locale)


def _sums(paper: Paper, words: Words) -> list[Flowable]:
    """Net, tax and gross by rate, then of all."""
    locale, sums = paper.locale, paper.sums
    head = _titles(words, "rate", "net", "tax", "gross")
    rows = [
        [_said(_named(of, paper, words)), *(_said(money(each, locale), right=True) for each in _three(of))]
        for of in sums.rates
    ]  # fmt: skip
    whole = words("credited" if paper.kind is PaperKind.CREDIT_NOTE else "total")
    last = [_said(whole, bold=True)] + [
        _said(money(each, locale), bold=True, right=True) for each in (sums.net, sums.tax, sums.total)
    ]
    table = _table([head, *rows, last], [_WIDTH - 96 * mm, 32 * mm, 32 * mm, 32 * mm])
    table.setStyle(TableStyle([("LINEABOVE", (0, -1), (-1, -1), 0.8, _INK)]))
    return [_said(words("included" if sums.tax_included else "added"), faint=True, after=2 * mm), table]


def _three(of: RateSum) -> tuple[Any, Any, Any]:
    return of.net, of.tax, of.gross


def _named(of: RateSum, paper: Paper, words: Words) -> str:
    said = _rate(of, paper, words)
    return f"{of.name} {said}" if of.ppm is not None else said


def _paid(paper: Paper, words: Words) -> list[Flowable]:
    if not paper.paid:
        return []
    rows = [
        [_said(words("credit") if each.by == "credit" else each.by.capitalize()),
         _said(money(each.amount, paper.locale), right=True)]
        for each in paper.paid
    ]  # fmt: skip
    table = Table([[_said(words("paid"), bold=True), ""], *rows], [_WIDTH - 32 * mm, 32 * mm], style=_PLAIN)
    return [Spacer(0, 4 * mm), table]


def _item(name: str, sku: str, more: str | None = None) -> list[Flowable]:
    said: list[Flowable] = [_said(name)]
    if sku:
        said.append(_said(sku, faint=True, size=7.5))
    if more:
        said.append(_said(more, faint=True, size=7.5))
    return said


_PLAIN = TableStyle([
    ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5),
])  # fmt: skip
_RULED = TableStyle([
    ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, 0), 0.8, _INK),
    ("LINEBELOW", (0, 1), (-1, -1), 0.3, colors.HexColor("#d1d5db")), ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 2), ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
])  # fmt: skip


def _titles(words: Words, first: str, *others: str) -> list[Any]:
    return [_said(words(first), bold=True), *(_said(words(word), bold=True, right=True) for word in others)]


def _table(rows: Sequence[list[Any]], widths: Sequence[float]) -> Table:
    """Its head is said again on each page."""
    return Table(rows, widths, repeatRows=1, style=_RULED)


def _said(
    text: str, *, bold: bool = False, faint: bool = False, right: bool = False, size: float = 9, after: float = 0
) -> Paragraph:
    return Paragraph(_marked(text, bold), _style(bold, faint, right, size, after))


@cache
def _style(bold: bool, faint: bool, right: bool, size: float, after: float) -> ParagraphStyle:
    return ParagraphStyle(
        f"{bold}{faint}{right}{size}{after}", fontName=_LATIN[bold], fontSize=size, leading=size * 1.35,
        textColor=_FAINT if faint else _INK, alignment=TA_RIGHT if right else 0, spaceAfter=after, splitLongWords=1,
    )  # fmt: skip


def _marked(text: str, bold: bool) -> str:
    """What somebody wrote, as ReportLab reads it: nothing of it is markup, Ethiopic is set in its own font."""
    plain = escape(_UNPRINTED.sub(" ", text))
    return _SYLLABLES.sub(lambda run: f'<font name="{_ETHIOPIC[bold]}">{run[0]}</font>', plain)


@cache
def _register() -> None:
    for name in (*_LATIN, *_ETHIOPIC):
        pdfmetrics.registerFont(TTFont(name, str(_FONTS / f"{name}.ttf")))
        pdfmetrics.registerFontFamily(name, name, name, name, name)


def _print(story: Iterator[Flowable], title: str, shop: Shop, words: Words) -> bytes:
    with _turn:
        _register()
        file = io.BytesIO()
        document = SimpleDocTemplate(
            file, pagesize=A4, leftMargin=_MARGIN - _PADDING, rightMargin=_MARGIN - _PADDING, topMargin=_MARGIN,
            bottomMargin=_MARGIN + 4 * mm, title=title, author=shop.name, invariant=1,
        )  # fmt: skip
        document.build(list(story), canvasmaker=_pages(words))
        return file.getvalue()


def _pages(words: Words) -> Callable[..., Canvas]:
    """A canvas that writes on each page which of how many it is, known when all are drawn."""

    class Numbered(Canvas):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._drawn: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._drawn.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]

        def save(self) -> None:
            for n, page in enumerate(self._drawn, 1):
                self.__dict__.update(page)
                said = _said(words("page").format(n=n, of=len(self._drawn)), faint=True, right=True, size=7.5)
                said.wrapOn(self, _WIDTH, 20)
                said.drawOn(self, _MARGIN, 10 * mm)
                super().showPage()
            super().save()

    return Numbered

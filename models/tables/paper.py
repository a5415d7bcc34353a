"""Invoices and credit notes: numbers without a gap, and what each paper says, written once and never edited.

A number and its paper are written in one transaction, under the lock of its series: what is rolled back leaves no gap.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import DataError, IntegrityError

from models import clock
from models.address import Address
from models.database import Database, Reader, Writer
from models.ids import OrderId, OrderNumber, PaperId, new_id
from models.invoice import Draft, Given, GivenBack, Issued, PaperKind, Sold, Sums, invoice, missing
from models.money import Money
from models.order import SOLD
from models.papers.paper import Paper, PaperOutline, Printed, Shop, Tender
from models.refund import share
from models.tables.base import (
    Json,
    as_json,
    currency,
    key,
    metadata,
    minor_units,
    moment,
    one_of,
    plain_uuid,
    reference,
)  # fmt: skip
from models.tables.refund import REFUNDABLE
from models.totals import TaxPart, Totals

paper_series = sa.Table(
    "paper_series", metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False, comment="the number that was given last"),
    sa.CheckConstraint("last > 0", name="counted_from_one"),
)  # fmt: skip

papers = sa.Table(
    "papers", metadata,
    key(),
    sa.Column("series", sa.Text, sa.ForeignKey("paper_series.name"), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False, comment="within the series, from 1, without a gap"),
    reference("order_id", "orders.id"),
    *one_of("kind", PaperKind),
    sa.Column("n", sa.Integer, nullable=False, comment="counts the order's papers of this kind, from 1"),
    sa.Column("invoice_id", pg.UUID(as_uuid=True), sa.ForeignKey("papers.id"), index=True,
              comment="of a credit note: of which invoice"),
    sa.Column("refund_n", sa.Integer,
              comment="of a credit note: the order's refund; 0: what was never taken; null: its invoice is cancelled"),
    currency(),
    minor_units("net"),
    minor_units("tax"),
    minor_units("total"),
    sa.Column("sums", Json, nullable=False, comment="rows, and net and tax by rate"),
    sa.Column("locale", sa.Text, nullable=False, comment="of whom it is for"),
    sa.Column("shop", Json, nullable=False, comment="who sold"),
    sa.Column("buyer", Json, nullable=False, comment="to whom, and where to; the file keeps it when this is forgotten"),
    sa.Column("paid", Json, nullable=False, server_default="[]"),
    moment("issued_at"),
    sa.Column("sha256", sa.Text, comment="of its file; null: not printed yet"),
    sa.Column("size", sa.Integer, comment="of its file, bytes"),
    moment("printed_at", nullable=True),
    sa.UniqueConstraint("series", "number"),
    sa.UniqueConstraint("order_id", "kind", "n"),
    sa.UniqueConstraint("invoice_id", "refund_n"),
    sa.CheckConstraint("number > 0 AND n > 0", name="counted_from_one"),
    sa.CheckConstraint("total = net + tax", name="total_adds_up"),
    sa.CheckConstraint("(kind = 'credit_note') = (invoice_id IS NOT NULL)", name="credit_of_an_invoice"),
    sa.CheckConstraint("(sha256 IS NULL) = (printed_at IS NULL)", name="printed_is_a_file"),
    sa.Index("ix_papers_to_print", "issued_at", "id", postgresql_where=sa.text("sha256 IS NULL")),
)  # fmt: skip

_PAPERS_OF_AN_ORDER = 4824
"""First half of an advisory lock's key, the other is the order's: its papers are written one after another."""
_NUMBERING = 4825
"""The same of numbers."""

SERIES = {PaperKind.INVOICE: "INV", PaperKind.CREDIT_NOTE: "CN"}
"""Each kind has a series a year."""

_LOCK = """
SELECT pg_advisory_xact_lock($2, half) FROM (
    SELECT DISTINCT hashtext(id::text) AS half FROM unnest($1::uuid[]) AS id ORDER BY half
) AS halves
"""
_ORDER = """
SELECT o.*, p.status AS payment_status, p.provider,
       CASE WHEN EXISTS (SELECT FROM order_events e WHERE e.order_id = o.id AND e.type = 'rest_cancelled')
            THEN greatest(o.total - o.credit - p.captured, 0) ELSE 0 END AS never_taken,
       (SELECT jsonb_agg(jsonb_build_object(
                'id', l.id, 'sku', l.sku, 'name', l.name, 'quantity', l.quantity, 'unit_price', l.unit_price,
                'discount', l.discount, 'tax', l.tax, 'cancelled', l.cancelled
            ) ORDER BY l.position) FROM order_lines l WHERE l.order_id = o.id)::text AS lines,
       (SELECT jsonb_agg(jsonb_build_object(
                'n', r.n, 'amount', r.amount, 'shipping', r.shipping,
                'by_edit', EXISTS (
                    SELECT FROM order_edits e
                    WHERE e.order_id = o.id AND e.refund_n = r.n AND e.status = 'committed'
                ),
                'items', (SELECT jsonb_agg(jsonb_build_object(
                    'line', x.order_line_id, 'quantity', x.quantity, 'amount', x.amount
                ) ORDER BY x.order_line_id) FROM refund_lines x WHERE x.refund_id = r.id)
            ) ORDER BY r.n)
        FROM refunds r WHERE r.order_id = o.id AND r.status = 'succeeded')::text AS given,
       (SELECT coalesce(-sum(e.difference), 0) FROM order_edits e
        WHERE e.order_id = o.id AND e.status = 'committed' AND e.difference < 0 AND NOT EXISTS (
            SELECT FROM refunds r WHERE r.order_id = o.id AND r.n = e.refund_n AND r.status = 'open'
        ))::bigint AS taken_off
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.id = $1
"""
_ISSUED = "SELECT id, kind, sums, invoice_id, refund_n FROM papers WHERE order_id = $1 ORDER BY issued_at, id"
_NEXT = """
INSERT INTO paper_series AS s (name, last) VALUES ($1, 1)
ON CONFLICT (name) DO UPDATE SET last = s.last + 1 RETURNING last, clock_timestamp() AS at
"""
_WRITE = """
INSERT INTO papers (id, series, number, order_id, kind, n, invoice_id, refund_n, currency, net, tax, total, sums,
                    locale, shop, buyer, paid, issued_at)
SELECT $1::uuid, $2, $3, $4::uuid, $5, count(*) + 1, $6::uuid, $7, $8, $9, $10, $11, $12::jsonb, $13, $14::jsonb,
       $15::jsonb, $16::jsonb, $17
FROM papers WHERE order_id = $4 AND kind = $5
"""
_COUNT = "SELECT pg_advisory_xact_lock($1, 0)"
"""Whoever gives numbers gives them alone to the end of the transaction: with a lock a series, two could wait for each
other, one with an invoice and one with a credit note."""
_NUMBER = "{0}.series || '-' || lpad({0}.number::text, 6, '0')"
_READ = f"""
SELECT p.*, {_NUMBER.format("p")} AS label, {_NUMBER.format("i")} AS of, o.number AS order_number, o.placed_at
FROM papers p JOIN orders o ON o.id = p.order_id LEFT JOIN papers i ON i.id = p.invoice_id
WHERE {{}}
"""  # noqa: S608
_ONE = _READ.format("p.id = $1")
_OF_ORDER = _READ.format("p.order_id = $1 ORDER BY p.issued_at, p.id")
_TO_PRINT = """
SELECT id FROM papers WHERE sha256 IS NULL AND NOT id = ANY ($2::uuid[]) ORDER BY issued_at, id LIMIT $1
"""
_TO_PRINT_OF = "SELECT id FROM papers WHERE sha256 IS NULL AND order_id = $1 ORDER BY issued_at, id"
_FILE = "UPDATE papers SET sha256 = $2, size = $3, printed_at = now() WHERE id = $1 AND sha256 IS NULL"


class _Line(msgspec.Struct):
    id: UUID
    sku: str
    name: str
    quantity: int
    unit_price: int
    discount: int
    tax: int
    cancelled: int


class _Item(msgspec.Struct):
    line: UUID
    quantity: int
    amount: int


class _Given(msgspec.Struct):
    n: int
    amount: int
    shipping: int
    by_edit: bool
    items: list[_Item] | None


_lines = msgspec.json.Decoder(list[_Line]).decode
_given = msgspec.json.Decoder(list[_Given]).decode


async def lock(writer: Writer, orders: Sequence[OrderId]) -> None:
    """Nobody else writes papers of these orders to the end of the transaction. The orders themselves go on."""
    await writer.exec_driver_sql(_LOCK, (list(orders), _PAPERS_OF_AN_ORDER))


async def issue(writer: Writer, order: OrderId, shop: Shop) -> list[PaperId]:
    """Write the papers that a locked order has not; none, when it has all, or is not to have any.

    Raises: ValueError when the order's own figures contradict each other.
    """
    row = (await writer.exec_driver_sql(_ORDER, (order,))).mappings().one_or_none()
    if row is None:
        return []
    issued = [
        Issued(
            plain_uuid(each.id), PaperKind(each.kind), msgspec.convert(each.sums, Sums),
            plain_uuid(each.invoice_id) if each.invoice_id else None, each.refund_n,
        )
        for each in await writer.exec_driver_sql(_ISSUED, (order,))
    ]  # fmt: skip
    kind = row["currency"]
    lines = _sold(row)
    now = invoice(list(lines.values()), _totals(row), msgspec.convert(row["taxes"], tuple[TaxPart, ...]),
                  row["shipping_method"]["name"])  # fmt: skip
    is_sold = row["status"] in SOLD and row["payment_status"] in REFUNDABLE
    drafts = missing(now, is_sold, issued, _refunds(row), Money(row["taken_off"], kind), lines)
    if drafts:
        await writer.exec_driver_sql(_COUNT, (_NUMBERING,))
    current = next((each.id for each in reversed(issued) if each.kind is PaperKind.INVOICE), None)
    made = []
    for draft in drafts:
        paper = await _write(writer, order, row, draft, shop, current)
        made.append(paper)
        if draft.kind is PaperKind.INVOICE:
            current = paper
    return made


class Unwritable(Exception):
    """An order contradicts itself, or the program does not understand it: a person has to look."""


async def issue_apart(writer: Writer, order: OrderId, shop: Shop) -> list[PaperId]:
    """The same for one order of many: what is wrong with it leaves the others' transaction as it was.

    Raises: Unwritable.
    """
    try:
        async with writer.begin_nested():
            return await issue(writer, order, shop)
    except (ValueError, LookupError, TypeError, msgspec.MsgspecError, IntegrityError, DataError) as error:
        raise Unwritable(f"{type(error).__name__}: {str(error)[:200]}") from error


async def _write(writer: Writer, order: OrderId, row: Any, draft: Draft, shop: Shop, current: UUID | None) -> PaperId:
    paper, kind, sums = PaperId(new_id()), draft.kind, draft.sums
    series = f"{SERIES[kind]}-{clock.now().year}"
    given = (await writer.exec_driver_sql(_NEXT, (series,))).one()
    buyer = {"bill": row["billing_address"], "ship": row["shipping_address"]}
    paid = _tenders(row, sums) if kind is PaperKind.INVOICE else []
    of = current if kind is PaperKind.CREDIT_NOTE else None
    await writer.exec_driver_sql(
        _WRITE,
        (
            paper, series, given.last, order, kind, of, draft.refund, row["currency"], sums.net.amount, sums.tax.amount,
            sums.total.amount, as_json(sums), row["locale"], as_json(shop), as_json(buyer), as_json(paid),
            given.at,
        ),
    )  # fmt: skip
    return paper


def _tenders(row: Any, sums: Sums) -> list[Tender]:
    credit = Money(row["credit"], row["currency"])
    by = [Tender("credit", credit), Tender(row["provider"], sums.total - credit - _never_taken(row))]
    return [each for each in by if each.amount.amount]


def _sold(row: Any) -> dict[UUID, Sold]:
    kind = row["currency"]
    return {
        line.id: Sold(
            line.id, line.sku, line.name, line.quantity, Money(line.unit_price, kind), Money(line.discount, kind),
            Money(line.tax, kind),
        )
        for line in _lines(row["lines"] or "[]")
    }  # fmt: skip


def _never_taken(row: Any) -> Money:
    """For goods that were called off before their money was taken.

    Nothing of it is taken afterwards: an order can only be changed when all of it is taken, and whoever changes it has
    its turn until what that costs more is booked; so nobody calls off its rest before.
    """
    return Money(row["never_taken"], row["currency"])


def _refunds(row: Any) -> list[Given]:
    """What went back, and what was never taken as number 0: the order's invoice is of all that was bought."""
    kind = row["currency"]
    never = [Given(0, _never_taken(row), tuple(_called_off(row)))] if row["never_taken"] else []
    return never + [
        Given(
            each.n, Money(each.amount, kind),
            tuple(GivenBack(item.line, item.quantity, Money(item.amount, kind)) for item in each.items or ()),
            Money(each.shipping, kind) if each.shipping else None, each.by_edit,
        )
        for each in _given(row["given"] or "[]")
    ]  # fmt: skip


def _called_off(row: Any) -> Iterator[GivenBack]:
    """What the units are worth that never left."""
    for line in _lines(row["lines"]):
        if line.cancelled:
            worth = line.unit_price * line.quantity - line.discount + (0 if row["tax_included"] else line.tax)
            units = share(Money(worth, row["currency"]), line.quantity, line.cancelled)
            yield GivenBack(line.id, line.cancelled, units)


def _totals(row: Any) -> Totals:
    kind = row["currency"]
    subtotal, discount, shipping, tax, total = [
        Money(row[name], kind) for name in ("subtotal", "discount", "shipping", "tax", "total")
    ]
    return Totals(subtotal, discount, shipping, tax, total, row["tax_included"])


async def read(reader: Reader, paper: PaperId) -> Paper:
    """What a paper says."""
    row = (await reader.exec_driver_sql(_ONE, (paper,))).mappings().one()
    buyer = row["buyer"]
    return Paper(
        PaperId(plain_uuid(row["id"])), OrderId(plain_uuid(row["order_id"])), PaperKind(row["kind"]), row["n"],
        row["label"], OrderNumber(row["order_number"]), row["issued_at"], row["placed_at"], row["locale"],
        msgspec.convert(row["shop"], Shop), msgspec.convert(buyer["bill"], Address),
        msgspec.convert(buyer["ship"], Address), msgspec.convert(row["sums"], Sums), row["of"],
        msgspec.convert(row["paid"], tuple[Tender, ...]),
    )  # fmt: skip


async def file(writer: Writer, paper: PaperId, printed: Printed) -> bool:
    """Write down which file a paper is, for ever. False: it is one already."""
    return (await writer.exec_driver_sql(_FILE, (paper, printed.sha256, printed.size))).rowcount == 1


async def to_print(database: Database, most: int, but: Sequence[PaperId] = ()) -> list[PaperId]:
    """Papers without a file, oldest first; not these."""
    return [PaperId(plain_uuid(row["id"])) for row in await database.fetch(_TO_PRINT, most, list(but))]


async def to_print_of(reader: Reader, order: OrderId) -> list[PaperId]:
    """An order's papers without a file, oldest first."""
    return [PaperId(plain_uuid(row.id)) for row in await reader.exec_driver_sql(_TO_PRINT_OF, (order,))]


async def of_order(database: Database, order: OrderId) -> list[PaperOutline]:
    """All papers of an order, oldest first."""
    return [_outline(row) for row in await database.fetch(_OF_ORDER, order)]


def _outline(row: Any) -> PaperOutline:
    kind = row["currency"]
    issued_at: datetime = row["issued_at"]
    return PaperOutline(
        PaperId(plain_uuid(row["id"])), PaperKind(row["kind"]), row["n"], row["label"], issued_at,
        Money(row["net"], kind), Money(row["tax"], kind), Money(row["total"], kind), row["of"], row["refund_n"],
        row["sha256"],
    )  # fmt: skip

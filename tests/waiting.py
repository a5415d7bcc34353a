"""One thing of every kind that waits for a person, in the rows of a shop with MUGs."""

from datetime import timedelta

from models import clock
from models.database import Writer
from models.ids import OrderId, OrderNumber, UserId
from models.reconciliation import CaseKind, Finding
from models.tables import attention
from models.tables import case as cases
from models.tables import mail_template as templates
from models.wording.composing import Source
from tests.activities.till import Till

_ROWS: dict[str, str] = {
    "held": """
        INSERT INTO screenings (order_id, score, points_allowed, signs, until)
        VALUES ($1, 90, 50, '[]', now() + interval '1 day')""",
    "return_waiting": """
        WITH made AS (
            INSERT INTO returns (id, order_id, n, key, digest, status, reason, actor)
            VALUES (uuidv7(), $1, 1, 'k', 'd', 'requested', 'broken', 'buyer') RETURNING id
        )
        INSERT INTO return_lines (return_id, order_line_id, quantity)
        SELECT made.id, l.id, 1 FROM made, order_lines l WHERE l.order_id = $1""",
    "dispute": """
        INSERT INTO disputes (id, order_id, payment_id, provider, reference, status, reason, amount, withdrawn, fee,
                              returned, fee_returned, currency, answer_by)
        SELECT uuidv7(), $1, id, 'stripe', 'dp_1', 'open', 'product_not_received', 1600, 1600, 0, 0, 0, 'usd',
               now() + interval '7 days' FROM payments WHERE order_id = $1""",
    "promise_passed": """
        INSERT INTO backorders (order_id, variant_id, quantity, promised_at)
        SELECT $1, variant_id, 1, now() - interval '1 day' FROM order_lines WHERE order_id = $1""",
}  # fmt: skip
_MOVED = {
    "held": "UPDATE orders SET status = 'on_hold' WHERE id = $1",
    "promise_passed": "UPDATE orders SET status = 'confirmed' WHERE id = $1",
}
ASKED = {
    "stuck": ("attention", "capture the payment: stripe is unavailable: 503"),
    "undo_failed": ("attention", "void the payment: stripe is unavailable"),
    "refund_failed": ("refund/1/money", "refund 1 of 5.00 USD did not arrive: the account is closed"),
    "not_shipped": ("attention", "not shipped in time"),
    "papers_unwritten": ("papers", "papers cannot be written: ValueError: sums differ"),
}
"""What workflows and steps ask for, by kind: topic and words."""
OF_ORDERS = (*ASKED, *_ROWS)
OF_OTHERS = (
    "case", "payout_stuck", "payout_failed", "letter_unsent", "template_failing", "receiver_paused", "card_kept",
    "erasure_stuck", "approval_waiting", "not_divided",
)  # fmt: skip


async def ask(writer: Writer, kind: str, order: OrderId, fact: str = "1") -> None:
    """Something of this kind about an order."""
    if kind in ASKED:
        topic, why = ASKED[kind]
        await attention.ask(writer, order, topic, why, fact)
        return
    if kind in _MOVED:
        await writer.exec_driver_sql(_MOVED[kind], (order,))
    await writer.exec_driver_sql(_ROWS[kind], (order,))


async def everything(till: Till, staff: UserId) -> dict[str, OrderNumber | None]:
    """One thing of every kind, each about an order of its own where it is about one; beside an order that is fine."""
    found: dict[str, OrderNumber | None] = {}
    for n, kind in enumerate(OF_ORDERS):
        number = OrderNumber(f"HF-WA{n:03d}-AAAAA")
        placed = await till.placed(await till.cart(), number=number)
        async with till.database.writing() as writer:
            await ask(writer, kind, placed.order_id)
        found[kind] = number
    await till.placed(await till.cart(), number=OrderNumber("HF-WA999-AAAAA"))
    async with till.database.writing() as writer:
        await _others(writer, staff)
    return found | dict.fromkeys(OF_OTHERS)


async def _others(writer: Writer, staff: UserId) -> None:
    since = clock.now() - timedelta(days=1)
    await cases.settle(writer, [Finding(CaseKind.REFUND_UNKNOWN, "re_1", "stripe", clock.now(), {})], since)
    for about, why in (
        ("payout/v/usd/2026-01-01", "send a payout: stripe is unavailable"),
        ("card/u/pm_1", "let a card go: stripe is unavailable"),
        ("erasure/u", "let the provider forget an account: stripe is unavailable"),
        ("parts/1", "divide 2 orders between vendors: sums differ"),
    ):
        await attention.ask_about(writer, about, about, why, "1")
    for statement, values in (
        ("""INSERT INTO approvals (id, action, subject, digest, wish, amount, currency, reason, status, asked_by,
                                   expires_at)
            VALUES (uuidv7(), 'gift_card', 'gift-cards', 'd', '{}', 90000, 'usd', 'a raffle', 'pending', $1,
                    now() + interval '1 day')""", (staff,)),
        ("INSERT INTO vendors (id, slug, name, payout_account) VALUES (uuidv7(), 'smith', 'Smith', 'acct_1')", ()),
        ("""INSERT INTO payouts (id, vendor_id, amount, currency, day, destination, status, error, settled_at)
            SELECT uuidv7(), id, 4200, 'usd', '2026-01-02', 'acct_1', 'failed', 'no such account', now()
            FROM vendors""", ()),
        ("""INSERT INTO webhook_endpoints (id, url, topics, status, paused_reason)
            VALUES (uuidv7(), 'https://us:secret@erp.example/in?key=secret', '["*"]', 'paused', $1)""", ("gone",)),
        ("""INSERT INTO outbox (id, topic, cause, payload, error, settled_at)
            VALUES (uuidv7(), 'mail', 'x/1', '{"template": "welcome"}', '550 nobody', now()),
                   (uuidv7(), 'mail', 'x/2', '{"template": "welcome"}', 'withdrawn: over', now()),
                   (uuidv7(), 'mail', 'x/3', '{"template": "welcome"}', '451 later', NULL)""", ()),
    ):  # fmt: skip
        await writer.exec_driver_sql(statement, values)
    for text in ("first", "second"):
        await templates.put(writer, "shipped", "de", Source("Own", text), staff, None)
    await writer.exec_driver_sql("UPDATE mail_templates SET failed_at = now(), failure = 'no ' || text")

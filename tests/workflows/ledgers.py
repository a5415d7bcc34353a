"""The ledgers of a shop at rest: stock, money and the provider must tell one story, whatever befell the orders."""

from decimal import Decimal

from models.ids import PaymentId
from models.payment import CHAPA
from models.tables import credit, inventory
from tests.flow import Flow

_ORDERS = """
SELECT o.number, o.status, p.provider, p.id AS payment_id, p.status AS payment_status, o.total, o.credit, o.attention,
       (SELECT coalesce(sum(amount), 0)::int FROM money_entries m
        WHERE m.order_id = o.id AND m.account IN ('gift_card', 'store_credit')) AS credit_booked,
       (SELECT -coalesce(sum(amount), 0)::int FROM credit_entries e WHERE e.order_id = o.id) AS credit_taken,
       (SELECT array_agg(DISTINCT h.status) FROM credit_holds h WHERE h.order_id = o.id) AS credit_holds,
       (SELECT coalesce(sum(amount), 0)::int FROM money_entries m
        WHERE m.order_id = o.id AND m.account LIKE 'provider:%') AS booked,
       (SELECT coalesce(sum(amount), 0)::int FROM money_entries m WHERE m.order_id = o.id) AS balance,
       (SELECT array_agg(DISTINCT CASE WHEN h.open > 0 AND h.until IS NULL THEN 'promised' WHEN h.open > 0 THEN 'held'
                                       WHEN h.shipped > 0 THEN 'shipped' ELSE 'released' END)
        FROM stock_holds h WHERE h.order_id = o.id) AS holds,
       (SELECT count(*) FROM charges c WHERE c.payment_id = p.id AND c.status = 'captured')::int AS charges,
       (SELECT count(*) FROM order_edits e WHERE e.order_id = o.id AND e.status = 'committed')::int AS edits,
       (SELECT coalesce(-sum(e.difference), 0) FROM order_edits e
        WHERE e.order_id = o.id AND e.status = 'committed' AND e.difference < 0)::int AS less,
       (SELECT count(*) FROM outbox x WHERE x.order_id = o.id AND x.payload ->> 'template' LIKE 'order_%') AS letters
FROM orders o JOIN payments p ON p.order_id = o.id
WHERE NOT EXISTS (SELECT FROM order_events e WHERE e.order_id = o.id AND e.type = 'rest_cancelled') ORDER BY o.placed_at
"""
_KEPT = {"confirmed": "promised", "processing": "promised", "shipped": "shipped", "delivered": "shipped"}
"""What became of the goods of an order that is sold."""


async def disagreements(flow: Flow) -> list[str]:
    """Where the ledgers differ, in words; none when every order is either wholly sold or wholly undone.

    Of one whose rest was called off, `refunding.disagreements` tells.
    """
    async with flow.database.reading() as reader:
        found = [f"stock drifts: {row}" for row in await inventory.drift(reader)]
        found += [f"credit drifts: {row}" for row in await credit.drift(reader)]
    for row in await flow.database.fetch(_ORDERS):
        intents = await flow.intents(row["number"])
        captured, held = sum(i["captured"] for i in intents), sum(i["held"] for i in intents)
        sold, due = row["status"] in _KEPT, row["total"] - row["credit"]
        back = row["status"] == "cancelled" and row["payment_status"] == "refunded"
        less = row["less"]  # than it cost at first: went back
        wanted = {
            "status": row["status"] if sold else "cancelled",
            "payment_status": "partially_refunded"
            if sold and less
            else "paid"
            if sold
            else "refunded"
            if back
            else "voided",
            "holds": [_KEPT.get(row["status"], "released")],
            "booked": due if sold else 0,
            "credit_booked": row["credit"] if sold else 0,
            "credit_taken": row["credit"] if sold else 0,
            "credit_holds": ["committed" if sold or back else "released"] if row["credit"] else None,
            "balance": 0,
            "letters": (2 if back else 1) + row["edits"],
            "attention": None,
        }
        charges = row["charges"] + (1 if (sold or back) and due > 0 else 0)
        charged, given = (sold or back) and due > 0, (due if back else 0) + less
        provider = {"captured": due + less if charged else 0, "held": 0, "refunded": given, "captures": charges}
        seen = {
            "captured": captured, "held": held, "refunded": sum(i["refunded"] for i in intents),
            "captures": sum(i["captured"] > 0 for i in intents),
        }  # fmt: skip
        found += [f"{row['number']}: {name} is {row[name]!r}, not {value!r}" for name, value in wanted.items()
                  if row[name] != value]  # fmt: skip
        if row["provider"] == CHAPA:
            provider, seen = (
                {"captured": due if sold else 0},
                {"captured": await kept_by_chapa(flow, row["payment_id"])},
            )
        if seen != provider:
            found.append(f"{row['number']} is {row['status']}, the provider says {seen}")
        found += [f"{row['number']}: an intent is {i['status']}" for i in intents
                  if i["status"] not in ("succeeded", "canceled")]  # fmt: skip
    return found


async def kept_by_chapa(flow: Flow, payment: PaymentId) -> int:
    """What was paid on all pages of a payment and did not go back, minor units."""
    pages = await flow.chapa.ledger(payment.hex)
    return sum(int(Decimal(each["paid"]) * 100) - int(Decimal(each["refunded"]) * 100) for each in pages)

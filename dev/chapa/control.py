"""`/_sim`: what a test or a developer does to the simulator that no merchant could; and the buyer's page."""

from collections.abc import Callable
from html import escape
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl

import msgspec

from dev.chapa.account import Account, Obj, Refused
from dev.stripe.faults import Fault
from dev.stripe.pages import page
from dev.stripe.webhooks import Policy


class Buyer(msgspec.Struct, forbid_unknown_fields=True):
    """What the buyer does on the page. `amount`: another than was asked for; `late`: though the page is closed."""

    outcome: Literal["success", "failure"] = "success"
    amount: str | None = None
    late: bool = False


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


def buy(account: Account, body: Buyer, tx_ref: str) -> Obj:
    """The buyer pays, or tries to."""
    found = account.find(tx_ref)
    if found is None:
        raise Refused(404, "no such transaction")
    act(account, found, body)
    return {"tx_ref": tx_ref, "status": found["status"]}


def act(account: Account, transaction: Obj, body: Buyer) -> None:
    """One try on the page."""
    if transaction["status"] in ("success", "refunded") or not (transaction["open"] or body.late):
        raise Refused(409, "this page is closed")
    if body.outcome == "success":
        account.pay(transaction, body.amount)
    else:
        account.fail(transaction)


def order_faults(account: Account, body: list[Fault]) -> list[Fault]:
    account.faults.order(body)
    return account.faults.waiting


def clear_faults(account: Account, body: Nothing) -> list[Fault]:
    account.faults.clear()
    return []


def webhooks(account: Account, body: dict[str, Any]) -> Policy:
    """Change the given parts of the webhook policy."""
    merged = msgspec.to_builtins(account.webhooks.policy) | body
    account.webhooks.change(msgspec.convert(merged, Policy))
    return account.webhooks.policy


def release(account: Account, body: Nothing) -> Obj:
    return {"released": account.webhooks.release()}


def deliveries(account: Account, body: Nothing) -> list[Obj]:
    return account.webhooks.deliveries()


def health(account: Account, body: Nothing) -> Obj:
    return {"status": "ok"}


def reset(account: Account, body: Nothing) -> Obj:
    account.reset()
    return {"status": "ok"}


ACTIONS: tuple[tuple[str, str, Any, Callable[..., Any]], ...] = (
    ("POST", "/_sim/transactions/*/pay", Buyer, buy),
    ("POST", "/_sim/faults", list[Fault], order_faults),
    ("DELETE", "/_sim/faults", Nothing, clear_faults),
    ("POST", "/_sim/webhooks", dict[str, Any], webhooks),
    ("POST", "/_sim/webhooks/release", Nothing, release),
    ("GET", "/_sim/webhooks/deliveries", Nothing, deliveries),
    ("GET", "/_sim/health", Nothing, health),
    ("POST", "/_sim/reset", Nothing, reset),
)


def ledger(account: Account, query: str) -> list[Obj]:
    """What was really moved; `?tx_ref=` picks by the beginning of the reference."""
    asked = dict(parse_qsl(query))
    if set(asked) - {"tx_ref"}:
        raise Refused(400, "the only filter is tx_ref")
    return account.ledger(asked.get("tx_ref", ""))


def shown(transaction: Obj) -> bytes:
    """The page on which the buyer pays."""
    price = f"{transaction['amount']} {transaction['currency']}"
    if transaction["status"] in ("success", "refunded"):
        return page("Chapa", f"<h1>Paid</h1><p>{escape(price)} has been paid. You can close this page.</p>", "Chapa")
    if not transaction["open"]:
        return page("Chapa", "<h1>Expired</h1><p>This payment link has expired.</p>", "Chapa")
    failed = "<p class=error>The payment failed. Try again.</p>" if transaction["status"] == "failed" else ""
    what = escape((transaction["customization"] or {}).get("description") or transaction["id"])
    return page(
        "Chapa",
        f"<h1>{what}</h1><p>Pay <b>{escape(price)}</b> with telebirr?</p>{failed}<form method=post>"
        "<button name=outcome value=success>Pay</button> "
        "<button class=plain name=outcome value=failure>Let the payment fail</button></form>",
        "Chapa",
    )


def answered(account: Account, transaction: Obj, form: str) -> str:
    """The buyer pressed a button; where their browser goes next: back to the shop, when they paid."""
    paid = parse_qs(form).get("outcome") == ["success"]
    act(account, transaction, Buyer("success" if paid else "failure"))
    here = f"/checkout/payment/{transaction['token']}"
    return str(transaction["return_url"] or here) if paid else here

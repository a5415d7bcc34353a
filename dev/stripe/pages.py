"""The two pages a person sees: the bank's 3-D Secure question, and the hosted checkout."""

from html import escape
from urllib.parse import parse_qs, urlencode

from dev.stripe import charging, sessions, setups
from dev.stripe.call import Call
from dev.stripe.cards import CARDS
from dev.stripe.currencies import shown
from dev.stripe.errors import Obj, StripeError
from dev.stripe.payment_methods import from_data

FRAME = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 system-ui;max-width:26rem;margin:4rem auto;padding:0 1rem;color:#1a1f36}}
main{{border:1px solid #e3e8ee;border-radius:8px;padding:1.5rem}}h1{{font-size:1.2rem;margin-top:0}}
button{{font:inherit;padding:.5rem 1rem;border:0;border-radius:6px;background:#635bff;color:#fff;cursor:pointer}}
button.plain{{background:#e3e8ee;color:#1a1f36}}input,select{{font:inherit;width:100%;padding:.4rem;margin:.3rem 0 1rem;
box-sizing:border-box}}table{{width:100%}}td:last-child{{text-align:right}}.error{{color:#b3093c}}small{{color:#697386}}
</style><main>{body}<p><small>{whose} simulator, test mode: no money moves.</small></p></main></html>"""


def page(title: str, body: str, whose: str = "Stripe") -> bytes:
    return FRAME.format(title=escape(title), body=body, whose=whose).encode()


def three_ds_page(call: Call, id: str) -> bytes:
    """The question a bank asks: is it you?"""
    intent = three_ds_intent(call, id)
    if intent["status"] != "requires_action":
        return page("3-D Secure", f"<h1>3-D Secure</h1><p>Nothing to do: {escape(intent['status'])}.</p>")
    what = shown(intent["amount"], intent["currency"]) if "amount" in intent else "saving your card"
    body = (
        f"<h1>3-D Secure test page</h1><p>Your bank asks you to authorize <b>{escape(what)}</b>.</p><form method=post>"
        "<button name=outcome value=success>Complete authentication</button> "
        "<button class=plain name=outcome value=failure>Fail authentication</button></form>"
    )
    return page("3-D Secure", body)


def three_ds_intent(call: Call, id: str) -> Obj:
    return call.get("setup_intent" if id.startswith("seti_") else "payment_intent", id)


def three_ds_answer(call: Call, id: str, form: str) -> str:
    """Finish the authentication; returns where the buyer's browser goes next."""
    intent = three_ds_intent(call, id)
    success = parse_qs(form).get("outcome") == ["success"]
    room = setups if intent["object"] == "setup_intent" else charging
    back = intent["_return_url"]
    if intent["status"] == "requires_action":
        try:
            room.authenticate(call, intent, success=success)
        except StripeError as error:
            if not error.commits:
                raise
    if not back:
        return f"/_sim/3ds/{id}"
    if "_session" in intent:
        return str(back).replace("{CHECKOUT_SESSION_ID}", intent["_session"])
    worked = intent["status"] in ("succeeded", "requires_capture", "requires_confirmation")
    kind = intent["object"]
    facts = {
        kind: id,
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if worked else "failed",
    }
    return f"{back}{'&' if '?' in back else '?'}{urlencode(facts)}"


def checkout_page(call: Call, id: str, error: str = "") -> bytes:
    """What is bought, and a card to pay with."""
    session = call.get("checkout.session", id)
    if session["status"] != "open":
        return page("Checkout", f"<h1>Checkout</h1><p>This session is {escape(session['status'])}.</p>")
    rows = "".join(
        f"<tr><td>{item['quantity']} × {escape(item['description'])}<td>{shown(item['amount_total'], item['currency'])}"
        for item in session["_line_items"]
    )
    payment = session["mode"] == "payment"
    verb = f"Pay {shown(session['amount_total'], session['currency'])}" if payment else "Save card"
    options = "".join(f"<option value=pm_card_{card.token}>{card.number} · {card.token}" for card in CARDS)
    back = f"<p><a href='{escape(session['cancel_url'])}'>Back</a></p>" if session["cancel_url"] else ""
    body = (
        f"<h1>Checkout</h1><table>{rows}</table><p class=error>{escape(error)}</p><form method=post>"
        f"<label>Email<input type=email name=email value='{escape(session['customer_email'] or '')}'></label>"
        f"<label>Test card<select name=payment_method>{options}</select></label>"
        "<label>or a card number<input name=number inputmode=numeric></label>"
        f"<button>{verb}</button></form>{back}"
    )
    return page("Checkout", body)


def checkout_answer(call: Call, id: str, form: str) -> str:
    """Pay on the page; returns where the buyer's browser goes next.

    Raises: StripeError card_error when the card is declined.
    """
    session = call.get("checkout.session", id)
    given = {name: values[0] for name, values in parse_qs(form).items()}
    method = given.get("payment_method", "pm_card_visa")
    if "number" in given:
        card = {"number": given["number"], "exp_month": 12, "exp_year": 2034}
        method = from_data(call, {"type": "card", "card": card})["id"]
    sessions.pay(call, session, method, given.get("email"))
    intent = call.store.get(session["payment_intent"] or session["setup_intent"])
    if intent is not None and intent["next_action"]:
        return f"/_sim/3ds/{intent['id']}"
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", id)

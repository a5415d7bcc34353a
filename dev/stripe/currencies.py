"""What Stripe accepts as an amount: known currencies, zero decimals, smallest and largest charge."""

from typing import Any

from dev.stripe.errors import StripeError, invalid

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split())
THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
TWO_DECIMAL = frozenset(
    "aed all amd ang aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad chf cny cop crc czk dkk dop dzd "
    "egp etb eur fjd gbp gel ghs gip gtq gyd hkd hnl htg huf idr ils inr isk jmd kes khr kgs kyd kzt lkr lrd mad mdl "
    "mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar scr "
    "sek sgd sos szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd yer zar zmw".split()
)
CURRENCIES = ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL

# Stripe's published minimum charge per currency, in minor units; elsewhere it converts 50 US cents.
SMALLEST = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
LARGEST = 99_999_999
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def currency(value: Any, param: str) -> str:
    """A currency code Stripe knows, in lower case."""
    code = value.lower() if isinstance(value, str) else ""
    if code not in CURRENCIES:
        raise invalid(
            f"Invalid currency: {value}. Stripe currently supports these currencies: {', '.join(sorted(CURRENCIES))}",
            param=param,
        )
    return code


def shown(amount: int, code: str) -> str:
    """`$10.01`, `¥500`: as Stripe's messages write money."""
    decimals = 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2
    number = f"{amount / 10**decimals:,.{decimals}f}"
    symbol = SYMBOLS.get(code)
    return f"{symbol}{number}" if symbol else f"{number} {code}"


def require_chargeable(amount: int, code: str, param: str = "amount") -> None:
    """Refuse an amount that no card could be charged with.

    Raises: StripeError amount_too_small, amount_too_large, parameter_invalid_integer.
    """
    least = SMALLEST.get(code, 50)
    if amount < least:
        raise amount_error("amount_too_small", f"Amount must be at least {shown(least, code)} {code}", param)
    if amount > LARGEST:
        raise amount_error("amount_too_large", f"Amount must be no more than {shown(LARGEST, code)}", param)
    if code in THREE_DECIMAL and amount % 10:
        raise invalid(
            f"Invalid integer: {amount}. Amounts in {code} must have a last digit of 0.",
            param=param,
            code="parameter_invalid_integer",
        )


def amount_error(code: str, message: str, param: str) -> StripeError:
    return invalid(message, param=param, code=code)

"""Whether an order looks like fraud: rules with weights, and why each of them counts. Pure; what came of it is data.

An order's workflow adds only what it alone knows, how many cards were tried, and by the weights that were written down
when the order was placed: rules may change while orders wait.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from models.address import Address
from models.money import Money


class Rule(StrEnum):
    """What makes an order suspicious."""

    MAIL_VELOCITY = "mail_velocity"
    """One e-mail address orders again and again."""
    ADDRESS_VELOCITY = "address_velocity"
    """Much is sent to one address."""
    LARGE_AMOUNT = "large_amount"
    """It costs far more than the shop's orders usually do."""
    COUNTRIES_DIFFER = "countries_differ"
    """The bill goes to another country than the goods."""
    DISPOSABLE_MAIL = "disposable_mail"
    """The e-mail address is one of those that are thrown away."""
    MANY_CARDS = "many_cards"
    """Several cards were tried."""
    CARDS_DECLINED = "cards_declined"
    """The same buyer's cards were declined before."""
    NEW_BUYER = "new_buyer"
    """A guest, or an account of today, who has never bought anything."""


class Sign(msgspec.Struct, frozen=True):
    """One rule that counts, with its points."""

    rule: Rule
    weight: int
    why: str
    """In words for staff; nothing personal, since it stays in the order's timeline."""


class Facts(msgspec.Struct, frozen=True):
    """What the shop's rows know of who buys."""

    mail_orders: int = 0
    """Orders of this e-mail address within a day, without this one."""
    address_orders: int = 0
    """Orders to this address within a day, without this one."""
    declined: int = 0
    """Payments of this e-mail address that were declined within a day."""
    usual: Money | None = None
    """What an order usually costs in this currency; None: too few were sold to say."""
    account_since: datetime | None = None
    """None: a guest."""
    has_bought: bool = False
    """Whether this e-mail address has bought before."""


class Subject(msgspec.Struct, frozen=True):
    """The order that is looked at."""

    email: str
    shipping_address: Address
    billing_address: Address
    total: Money
    placed_at: datetime


FREE_ORDERS = 2
"""So many more orders in a day are nobody's business."""
FAR_ABOVE = 5
"""Times what is usual."""
ENOUGH_SOLD = 20
"""Orders from which on something is usual."""
YOUNG = timedelta(days=1)
FREE_CARDS, CARD_WEIGHT, MOST_CARDS = 2, 15, 3
"""Cards that anybody may try, points of each more, and how many of those count."""

WEIGHTS: Mapping[Rule, int] = {
    Rule.MAIL_VELOCITY: 30,
    Rule.ADDRESS_VELOCITY: 20,
    Rule.LARGE_AMOUNT: 30,
    Rule.COUNTRIES_DIFFER: 20,
    Rule.DISPOSABLE_MAIL: 40,
    Rule.CARDS_DECLINED: 20,
    Rule.NEW_BUYER: 10,
}

DISPOSABLE = frozenset(
    "10minutemail.com 33mail.com burnermail.io discard.email dispostable.com emailondeck.com fakeinbox.com "
    "getairmail.com getnada.com guerrillamail.com guerrillamail.net guerrillamail.org inboxbear.com mail.tm "
    "mailcatch.com maildrop.cc mailinator.com mailnesia.com mailsac.com mintemail.com moakt.com mohmal.com "
    "mytemp.email sharklasers.com spam4.me spamgourmet.com temp-mail.org tempmail.com tempmailo.com tempr.email "
    "throwawaymail.com trashmail.com trashmail.de yopmail.com yopmail.fr yopmail.net".split()
)
"""Domains of mail addresses that are thrown away; those below them count too."""


class Screening(msgspec.Struct, frozen=True):
    """How an order was judged when it was placed, and what more cards would add."""

    limit: int
    """From so many points on a person looks."""
    within: timedelta
    """How long somebody may take for it."""
    signs: tuple[Sign, ...] = ()
    free_cards: int = FREE_CARDS
    card_weight: int = CARD_WEIGHT
    most_cards: int = MOST_CARDS

    @property
    def score(self) -> int:
        """Its points."""
        return sum(sign.weight for sign in self.signs)

    @property
    def is_suspicious(self) -> bool:
        """Whether a person has to look."""
        return self.score >= self.limit

    def after(self, cards: int) -> "Screening":
        """The same when so many cards were tried."""
        more = min(cards - self.free_cards, self.most_cards)
        if more <= 0:
            return self
        tried = Sign(Rule.MANY_CARDS, more * self.card_weight, f"{cards} cards were tried")
        return msgspec.structs.replace(self, signs=(*self.signs, tried))


class ScreeningDecision(StrEnum):
    """What came of an order that was held."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Nobody decided in time."""
    WITHDRAWN = "withdrawn"
    """It ended meanwhile for another reason."""


class ScreeningOutline(msgspec.Struct, frozen=True):
    """How an order was screened, as staff see it."""

    score: int
    limit: int
    signs: list[Sign]
    """Which rules counted, and why."""
    held_at: datetime | None = None
    """Null: it was not held."""
    until: datetime | None = None
    """Until when somebody had, or has, to decide."""
    decision: ScreeningDecision | None = None
    """Null: none was needed, or it is open."""
    decided_at: datetime | None = None
    actor: str | None = None
    """Who decided."""
    reason: str | None = None


def judge(subject: Subject, facts: Facts) -> tuple[Sign, ...]:
    """Which rules count for an order, and why, in the order of the rules."""
    found = [(rule, why(subject, facts)) for rule, why in _RULES.items()]
    return tuple(Sign(rule, WEIGHTS[rule], said) for rule, said in found if said is not None)


def is_disposable(email: str) -> bool:
    """Whether an e-mail address is one of those that are thrown away."""
    parts = email.rpartition("@")[2].strip(". ").lower().split(".")
    return any(".".join(parts[start:]) in DISPOSABLE for start in range(len(parts)))


def _mail_velocity(subject: Subject, facts: Facts) -> str | None:
    many = facts.mail_orders > FREE_ORDERS
    return f"{facts.mail_orders} other orders with this e-mail address within a day" if many else None


def _address_velocity(subject: Subject, facts: Facts) -> str | None:
    many = facts.address_orders > FREE_ORDERS
    return f"{facts.address_orders} other orders to this address within a day" if many else None


def _large_amount(subject: Subject, facts: Facts) -> str | None:
    usual = facts.usual
    if usual is None or usual.currency != subject.total.currency or not usual.amount:
        return None
    far = subject.total.amount >= usual.amount * FAR_ABOVE
    return f"{subject.total}, where {usual} is usual" if far else None


def _countries_differ(subject: Subject, facts: Facts) -> str | None:
    bill, goods = subject.billing_address.country, subject.shipping_address.country
    return f"the bill goes to {bill}, the goods to {goods}" if bill != goods else None


def _disposable_mail(subject: Subject, facts: Facts) -> str | None:
    return "an e-mail address of those that are thrown away" if is_disposable(subject.email) else None


def _cards_declined(subject: Subject, facts: Facts) -> str | None:
    many = facts.declined > FREE_CARDS
    return f"{facts.declined} payments of this e-mail address were declined within a day" if many else None


def _new_buyer(subject: Subject, facts: Facts) -> str | None:
    if facts.has_bought:
        return None
    if facts.account_since is None:
        return "a guest who has never bought anything"
    young = subject.placed_at - facts.account_since < YOUNG
    return "an account of today that has never bought anything" if young else None


_RULES: Mapping[Rule, Callable[[Subject, Facts], str | None]] = {
    Rule.MAIL_VELOCITY: _mail_velocity,
    Rule.ADDRESS_VELOCITY: _address_velocity,
    Rule.LARGE_AMOUNT: _large_amount,
    Rule.COUNTRIES_DIFFER: _countries_differ,
    Rule.DISPOSABLE_MAIL: _disposable_mail,
    Rule.CARDS_DECLINED: _cards_declined,
    Rule.NEW_BUYER: _new_buyer,
}
"""Each says why it counts; None: it does not. A rule more is a function here, and its weight above."""

"""Which orders look like fraud, and why: each rule alone, together, and what more cards add."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from models.environment import Invalid
from models.money import LARGEST, Money
from models.screening import WEIGHTS, Facts, Rule, Screening, Sign, Subject, is_disposable, judge
from models.settings import worker_settings
from tests.shop import BERLIN, NEW_YORK

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
KNOWN = Facts(account_since=NOW - timedelta(days=400), has_bought=True)
HARMLESS = Subject("ada@example.com", NEW_YORK, NEW_YORK, Money(2000, "usd"), NOW)
LIMIT = Screening(60, timedelta(days=1))


def told(subject: Subject = HARMLESS, facts: Facts = KNOWN) -> dict[Rule, str]:
    """Which rules count, and why."""
    return {each.rule: each.why for each in judge(subject, facts)}


def test_a_usual_order_has_no_points() -> None:
    """Given somebody known who buys what is usual, then nothing counts."""
    assert judge(HARMLESS, KNOWN) == ()
    assert judge(HARMLESS, msgspec.structs.replace(KNOWN, mail_orders=2, address_orders=2, declined=2)) == ()


def test_hurry_counts() -> None:
    """Given three more orders of a day by one address, of mail or of goods, or three declined cards, then it counts."""
    assert told(facts=msgspec.structs.replace(KNOWN, mail_orders=3)) == {
        Rule.MAIL_VELOCITY: "3 other orders with this e-mail address within a day"
    }
    assert told(facts=msgspec.structs.replace(KNOWN, address_orders=3)) == {
        Rule.ADDRESS_VELOCITY: "3 other orders to this address within a day"
    }
    assert told(facts=msgspec.structs.replace(KNOWN, declined=3)) == {
        Rule.CARDS_DECLINED: "3 payments of this e-mail address were declined within a day"
    }


@pytest.mark.parametrize(
    ("total", "usual", "counts"),
    [(9999, 2000, False), (10_000, 2000, True), (10_000, None, False), (0, 0, False), (LARGEST, LARGEST, False)],
)
def test_five_times_the_usual_counts(total: int, usual: int | None, counts: bool) -> None:
    """Given five times what an order usually costs, then it counts; where nothing is usual, or all is free, not."""
    subject = msgspec.structs.replace(HARMLESS, total=Money(total, "usd"))
    facts = msgspec.structs.replace(KNOWN, usual=None if usual is None else Money(usual, "usd"))
    said = told(subject, facts)
    assert said == ({Rule.LARGE_AMOUNT: "100.00 USD, where 20.00 USD is usual"} if counts else {})


def test_other_currencies_are_not_compared() -> None:
    """Given a usual order in another currency, then nothing is said of the amount."""
    assert told(facts=msgspec.structs.replace(KNOWN, usual=Money(1, "eur"))) == {}


def test_a_bill_to_another_country_counts() -> None:
    """Given goods to New York and a bill to Berlin, then it counts."""
    subject = msgspec.structs.replace(HARMLESS, billing_address=BERLIN)
    assert told(subject) == {Rule.COUNTRIES_DIFFER: "the bill goes to DE, the goods to US"}


@pytest.mark.parametrize(
    ("email", "disposable"),
    [
        ("a@mailinator.com", True), ("a@MAILINATOR.com.", True), ("a@b.c.yopmail.net", True),
        ('"a@b"@tempr.email', True),
        ("a@example.com", False), ("mailinator.com@example.com", False), ("a@notmailinator.com", False),
        ("a@com", False), ("a@", False), ("", False),
    ],
)  # fmt: skip
def test_mail_that_is_thrown_away(email: str, disposable: bool) -> None:
    """Given an e-mail address, then its domain, or one above it, tells whether it is thrown away."""
    assert is_disposable(email) is disposable


def test_new_buyers_count() -> None:
    """Given a guest, or an account of today, that never bought, then it counts; of yesterday, or who bought, not."""
    assert told(facts=Facts()) == {Rule.NEW_BUYER: "a guest who has never bought anything"}
    assert told(facts=Facts(has_bought=True)) == {}
    young = Facts(account_since=NOW - timedelta(hours=23))
    assert told(facts=young) == {Rule.NEW_BUYER: "an account of today that has never bought anything"}
    assert told(facts=Facts(account_since=NOW - timedelta(days=1))) == {}


def test_points_add_up_to_the_limit() -> None:
    """Given rules that together have as many points as the limit, then a person looks; with one less, nobody."""
    signs = judge(msgspec.structs.replace(HARMLESS, email="a@tempr.email", billing_address=BERLIN), KNOWN)
    judged = msgspec.structs.replace(LIMIT, signs=signs)
    assert (judged.score, judged.is_suspicious) == (60, True)
    assert not msgspec.structs.replace(judged, limit=61).is_suspicious
    assert not LIMIT.is_suspicious


@pytest.mark.parametrize(("cards", "points"), [(0, 0), (2, 0), (3, 15), (4, 30), (5, 45), (9, 45)])
def test_more_cards_than_anybody_needs_count(cards: int, points: int) -> None:
    """Given so many cards, then each beyond the second counts, up to three of them, and the others' points stay."""
    one = (Sign(Rule.NEW_BUYER, 10, "a guest"),)
    after = msgspec.structs.replace(LIMIT, signs=one).after(cards)
    assert after.score == 10 + points
    assert after.signs[1:] == ((Sign(Rule.MANY_CARDS, points, f"{cards} cards were tried"),) if points else ())


def test_every_rule_has_its_weight() -> None:
    """Given the rules, then each has points, and cards have theirs by their number."""
    assert set(WEIGHTS) == set(Rule) - {Rule.MANY_CARDS}
    assert all(weight > 0 for weight in WEIGHTS.values())


NEEDED = {
    "DATABASE_URL": "-", "REDIS_URL": "-", "TEMPORAL_ADDRESS": "-", "SECRET_KEY": "-" * 32, "STRIPE_SECRET_KEY": "-",
    "SMTP_URL": "smtp://mail.example",
}  # fmt: skip


def test_the_limit_is_a_setting() -> None:
    """Given no limit, then nothing is screened; with one it is, and what is no number of points is refused."""
    assert worker_settings(NEEDED).screening is None
    assert worker_settings({**NEEDED, "SCREENING_LIMIT": "60"}).screening == LIMIT
    hasty = worker_settings({**NEEDED, "SCREENING_LIMIT": "1", "REVIEW_WITHIN": "60"}).screening
    assert hasty == Screening(1, timedelta(minutes=1))
    for wrong in ("0", "1001", "many", "-1", "1.5"):
        with pytest.raises(Invalid, match="SCREENING_LIMIT"):
            worker_settings({**NEEDED, "SCREENING_LIMIT": wrong})

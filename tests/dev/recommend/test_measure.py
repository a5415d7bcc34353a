"""Recommendations against the most popular products, on buyers whose next purchase is known."""

from collections.abc import Callable

from dev.recommend.market import market
from dev.recommend.measure import SHOWN, fill, measured, study_all
from models.database import Database


async def test_recommendations_beat_the_bestsellers(
    database: Database, record_property: Callable[[str, object], None]
) -> None:
    """Given 400 buyers with ten tastes, then what they buy next is among ten at least twice as often as bestsellers."""
    made = market(tastes=15, products_of_each=20, buyers=400, seed=7)
    hidden = await fill(database, made)
    await study_all(database)
    rates = await measured(database, hidden)
    record_property(
        "measured",
        f"hit rate @{SHOWN} of {rates.buyers} buyers: recommended {rates.recommended:.1%}, "
        f"most popular {rates.popular:.1%}",
    )
    assert rates.popular > 0.01
    assert rates.recommended >= 2 * rates.popular


def test_a_market_is_the_same_each_time() -> None:
    """Given the same arguments, then the same market; nobody has bought or looked at what they buy next."""
    made = market(3, 5, 20, 1)
    assert made == market(3, 5, 20, 1) != market(3, 5, 20, 2)
    for buyer in made.buyers:
        assert buyer.next not in [good for basket in buyer.orders for good in basket]
        assert buyer.next not in buyer.looked_at

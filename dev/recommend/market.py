"""Made-up buyers with tastes: what each bought and looked at, and what they buy next, which nobody is told.

Tastes cut across categories, so that no category gives them away; some goods everybody buys, and some purchases are
somebody else's birthday present.
"""

import random

import msgspec

OWN_TASTE, OTHER_TASTE = 0.7, 0.15
"""Of all purchases; the rest is whatever is popular."""
PURCHASES = (3, 9)
"""Of one buyer, at least and at most, before the one that is hidden."""
BASKET = 2
"""Products of one order at most."""
LOOKS = 2
"""Products looked at for each one bought."""


class Buyer(msgspec.Struct, frozen=True):
    """Somebody, by the numbers of products."""

    orders: list[list[int]]
    """Oldest first."""
    looked_at: list[int]
    next: int
    """What they buy afterwards; they have not bought it before."""


class Market(msgspec.Struct, frozen=True):
    """Products are numbers; a product's taste is its number modulo the count of tastes."""

    products: int
    tastes: int
    buyers: list[Buyer]


def market(tastes: int, products_of_each: int, buyers: int, seed: int) -> Market:
    """The same for the same arguments."""
    dice = random.Random(seed)
    count = tastes * products_of_each
    fame = [1 / (1 + number // tastes) ** 0.8 for number in range(count)]
    """Within a taste: some are bestsellers."""
    crowd = [1 / (1 + taste) ** 0.5 for taste in range(tastes)]
    """Some tastes are many people's."""
    everywhere = [fame[number] * crowd[number % tastes] for number in range(count)]
    of_taste = [list(range(taste, count, tastes)) for taste in range(tastes)]

    def pick(main: int, other: int) -> int:
        luck = dice.random()
        if luck < OWN_TASTE + OTHER_TASTE:
            goods = of_taste[main if luck < OWN_TASTE else other]
            return dice.choices(goods, [fame[number] for number in goods])[0]
        return dice.choices(range(count), everywhere)[0]

    found = []
    for _ in range(buyers):
        main, other = dice.choices(range(tastes), crowd, k=2)
        wanted: list[int] = []
        while len(wanted) < dice.randint(*PURCHASES) + 1:
            one = pick(main, other)
            if one not in wanted:
                wanted.append(one)
        *bought, hidden = wanted
        orders = []
        while bought:
            size = dice.randint(1, BASKET)
            orders.append(bought[:size])
            bought = bought[size:]
        looks = {pick(main, other) for _ in range(LOOKS * len(wanted))} - {hidden}
        found.append(Buyer(orders, sorted(looks), hidden))
    return Market(count, tastes, found)

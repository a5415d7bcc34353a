"""Measures recommendations: `python -m dev.recommend`, some minutes with a Postgres of its own."""

import asyncio

from dev import postgres
from dev.recommend.market import market
from dev.recommend.measure import fill, measured, study_all
from dev.stack import embedded
from models.database import Database


async def main(url: str) -> None:
    """Print how often the next purchase is among ten."""
    made = market(tastes=30, products_of_each=30, buyers=2000, seed=1)
    print(f"{len(made.buyers)} buyers with {made.tastes} tastes, {made.products} products …", flush=True)
    database = Database(url)
    hidden = await fill(database, made)
    await study_all(database)
    rates = await measured(database, hidden)
    await database.close()
    print(f"hit rate @10: recommended {rates.recommended:.1%}, most popular {rates.popular:.1%}, "
          f"{rates.recommended / rates.popular:.1f} times as often")  # fmt: skip


if __name__ == "__main__":
    with embedded({"postgres"}, template=True) as stack:
        asyncio.run(main(postgres.fresh_database(stack.environment()["DATABASE_URL"])))

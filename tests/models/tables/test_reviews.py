"""What is counted of reviews and votes, kept by triggers: the same as a recount, whoever writes what at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from models.database import Database, Writer
from models.errors import Refusal
from models.ids import UserId
from models.review import Moderation, ReviewStatus
from models.tables import erasure
from models.tables import review as reviews
from tests import people, shop
from tests.reviewers import recounted

SKUS = ("MUG", "CUP", "POT", "JUG")
RULES = tuple(Moderation)


async def stocked(database: Database, people_in: int) -> list[UserId]:
    """So many accounts, and four products."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
        for sku in SKUS:
            await shop.stock_product(writer, sku, 1)
        return [await people.account(writer) for _ in range(people_in)]


class Street:
    """People who do at random what people do with reviews, each in a transaction of its own."""

    def __init__(self, database: Database, users: list[UserId], seed: int) -> None:
        self.database = database
        self.users = users
        self.dice = random.Random(seed)
        self.written: list[tuple[UserId, UUID]] = []

    async def do(self, work: Callable[[Writer], Awaitable[object]]) -> None:
        """One thing. What is refused is refused; that Postgres gives up (a deadlock) is not expected."""
        with suppress(Refusal):
            async with self.database.writing() as writer:
                await work(writer)

    async def act(self) -> None:
        """Somebody does something."""
        user, rule = self.dice.choice(self.users), self.dice.choice(RULES)
        said = {"stars": self.dice.randint(1, 5), "title": None, "body": str(self.dice.random())}
        whose, which = self.dice.choice(self.written) if self.written else (user, UUID(int=0))
        deed = self.dice.choice(["write"] * 4 + ["rewrite"] * 3 + ["judge"] * 3 + ["vote"] * 4 + ["remove"])
        if deed == "write":
            slug = self.dice.choice(SKUS).lower()

            async def write(writer: Writer) -> None:
                review = await reviews.write(writer, user, slug, rule, said)
                self.written.append((user, review.id))

            await self.do(write)
        elif deed == "rewrite":
            await self.do(lambda writer: reviews.rewrite(writer, whose, which, rule, said))
        elif deed == "remove":
            await self.do(lambda writer: reviews.remove(writer, whose, which))
        elif deed == "vote":
            helpful = self.dice.random() < 0.7
            await self.do(lambda writer: reviews.vote(writer, user, which, helpful=helpful))
        else:
            status = self.dice.choice([ReviewStatus.PUBLISHED, ReviewStatus.REJECTED])
            reason = "no" if status is ReviewStatus.REJECTED else None
            known = await reviews.find(self.database, which)
            version = known.version if known else 1
            await self.do(lambda writer: reviews.judge(writer, which, version, status, reason))


async def sell_and_return(database: Database, rounds: int) -> None:
    """The last unit goes and comes back: the same products are relisted by somebody else all the while."""
    for turn in range(rounds):
        async with database.writing() as writer:
            await writer.exec_driver_sql("UPDATE stock_levels SET on_hand = $1", (turn % 2,))


async def test_counts_equal_a_recount(database: Database) -> None:
    """Given 600 deeds of 30 people, sixteen at once, while stock goes and comes, then each count equals a recount."""
    users = await stocked(database, 30)
    street = Street(database, users, 20_260_704)

    async def stroll(steps: int) -> None:
        for _ in range(steps):
            await street.act()

    await asyncio.gather(*(stroll(40) for _ in range(15)), sell_and_return(database, 30))
    await recounted(database)
    [row] = await database.fetch("SELECT sum(ratings) AS n, (SELECT count(*) FROM review_votes) AS votes FROM products")
    assert row["n"] > 5
    assert row["votes"] > 5
    assert {each["status"] for each in await database.fetch("SELECT status FROM reviews")} == set(ReviewStatus)


async def test_people_are_forgotten_at_once(database: Database) -> None:
    """Given people who reviewed and voted on everything, when half are forgotten at once, then the rest counts."""
    users = await stocked(database, 8)
    async with database.writing() as writer:
        for user in users:
            for sku in SKUS:
                said = {"stars": 1 + users.index(user) % 5, "title": None, "body": ""}
                await reviews.write(writer, user, sku.lower(), Moderation.NONE, said)
        await writer.exec_driver_sql(
            "INSERT INTO review_votes (review_id, user_id) SELECT r.id, u.id FROM reviews r, users u "
            "WHERE r.user_id <> u.id"
        )
    await recounted(database)

    async def forget(user: UserId) -> None:
        async with database.writing() as writer:
            await erasure.forget(writer, user, None)

    await asyncio.gather(*(forget(user) for user in users[:4]))
    await recounted(database)
    assert [dict(row) for row in await database.fetch("SELECT slug, ratings, stars FROM products ORDER BY slug")] == [
        {"slug": slug, "ratings": 4, "stars": 5 + 1 + 2 + 3} for slug in ("cup", "jug", "mug", "pot")
    ]
    assert {row["helpful"] for row in await database.fetch("SELECT helpful FROM reviews")} == {3}


async def test_whatever_a_console_does(database: Database) -> None:
    """Given statements over many rows, also such as move a review to another product, then counts hold."""
    users = await stocked(database, 5)
    async with database.writing() as writer:
        await writer.exec_driver_sql(
            "INSERT INTO reviews (id, product_id, user_id, stars, status, verified_purchase) "
            "SELECT gen_random_uuid(), p.id, u.id, 3, 'published', false FROM products p, users u WHERE p.slug <> 'jug'"
        )
    for statement in (
        "UPDATE reviews SET stars = 5 WHERE user_id = $1", "UPDATE reviews SET status = 'pending' WHERE user_id = $1",
        "UPDATE reviews SET product_id = (SELECT id FROM products WHERE slug = 'jug') WHERE id IN "
        "(SELECT id FROM reviews WHERE user_id = $1 LIMIT 1)",
        "UPDATE reviews SET status = 'published', stars = 1 WHERE user_id = $1",
        "DELETE FROM reviews WHERE user_id = $1",
    ):  # fmt: skip
        async with database.writing() as writer:
            await writer.exec_driver_sql(statement, (users[0],))
        await recounted(database)


async def test_who_follows_the_catalogue_is_told(database: Database) -> None:
    """Given stars, then lists and search are told; given words or votes alone, only who keeps answers is."""
    users = await stocked(database, 2)

    async def told(work: Callable[[Writer], Awaitable[object]]) -> list[str]:
        async with database.writing() as writer:
            await writer.exec_driver_sql("DELETE FROM catalogue_changes")
            await work(writer)
        return [row["reader"] for row in await database.fetch("SELECT reader FROM catalogue_changes ORDER BY reader")]

    said = {"stars": 3, "title": None, "body": "a"}
    assert await told(lambda writer: reviews.write(writer, users[0], "mug", Moderation.NONE, said)) == [
        "answers", "search",
    ]  # fmt: skip
    [row] = await database.fetch("SELECT id FROM reviews")

    async def rewrite(writer: Writer) -> None:
        await reviews.rewrite(writer, users[0], row["id"], Moderation.NONE, {"body": "b"})

    assert await told(rewrite) == ["answers"]
    assert await told(lambda writer: reviews.vote(writer, users[1], row["id"], helpful=True)) == ["answers"]
    assert await told(lambda writer: reviews.vote(writer, users[1], row["id"], helpful=True)) == []
    waits = {"stars": 1, "title": None, "body": ""}
    assert await told(lambda writer: reviews.write(writer, users[1], "mug", Moderation.ALL, waits)) == []

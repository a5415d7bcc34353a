"""`kill -9` in the middle of erasures: whoever asked to be forgotten is, and the others are not."""

from uuid import uuid4

import anyio

from models.ids import UserId
from tests import people, traces
from tests.books import Books
from tests.faults.rush import insist, start
from tests.premises import House
from tests.traces import Person

PEOPLE = 12


async def test_the_worker_is_killed_in_the_middle_of_a_dozen_erasures(house: House, books: Books) -> None:
    """Given twelve who ask at once and a worker that dies twice, then all are forgotten whole, and nobody else is."""
    await house.stock(1)
    staying = Person("Methuselah", "Featherstone", "mf9@elsewhere.example", "9 Other Road", "+1 555 999", "cus_9")
    leaving: dict[UserId, Person] = {}
    async with books.database.writing() as writer:
        user = await traces.account(writer, staying)
        await traces.leave(writer, user, staying)
        for _ in range(PEOPLE):
            mark = uuid4().hex[:10]
            one = Person(f"Z{mark}", f"Q{mark}", f"{mark}@traces.example", f"{mark} Lane", f"+{mark}", f"cus_{mark}")
            user = await traces.account(writer, one)
            await traces.leave(writer, user, one)
            leaving[user] = one
        key = house.environment["SECRET_KEY"].encode()
        signed_in = [await people.signed_in(writer, key, user=user) for user in leaving]
    theirs = await traces.found(books.database, staying)

    async def leave(headers: dict[str, str]) -> None:
        async with house.client(**headers) as client:
            answer = await insist(lambda: client.request("DELETE", "/auth/me"))
            assert answer.status_code in (202, 401), answer.text

    async def forgotten() -> int:
        rows = await books.database.fetch(
            "SELECT count(erased_at)::int AS n FROM users WHERE id = ANY ($1)", [*leaving]
        )
        return int(rows[0]["n"])

    async with anyio.create_task_group() as asking:
        for headers in signed_in:
            asking.start_soon(leave, headers)
        with anyio.fail_after(120):
            while not await books.database.fetch("SELECT 1 FROM users WHERE erasure_asked_at IS NOT NULL"):
                await anyio.sleep(0.01)
        house.stack.kill("worker")
        await start(house, "worker")
    with anyio.fail_after(120):
        while not await forgotten():
            await anyio.sleep(0.01)
    house.stack.kill("worker")
    await start(house, "worker")

    with anyio.fail_after(200):
        while await forgotten() < PEOPLE:
            await anyio.sleep(0.1)
    for one in leaving.values():
        assert await traces.found(books.database, one) == {}
    assert await traces.found(books.database, staying) == theirs
    rows = await books.database.fetch("SELECT count(*)::int AS n FROM outbox WHERE cause LIKE 'farewell/%'")
    assert rows[0]["n"] == 0

"""Sign-ins on real rows: ended all at once, one by one, and never a stranger's."""

import asyncio
from datetime import timedelta

import sqlalchemy as sa

from models import clock
from models.database import Database, Writer
from models.ids import SessionId, UserId, new_id
from models.session import Ended
from models.tables import session as sessions
from tests import people


async def account(database: Database, signed_in: int) -> tuple[UserId, list[SessionId]]:
    """Somebody who is signed in so many times."""
    async with database.writing() as writer:
        user = await people.account(writer)
        return user, [await _sign_in(writer, user) for _ in range(signed_in)]


async def _sign_in(writer: Writer, user: UserId, **values: object) -> SessionId:
    born = SessionId(new_id())
    lives_until = clock.now() + timedelta(days=7)
    row = {"id": born, "user_id": user, "expires_at": lives_until, **values}
    await writer.execute(sa.insert(sessions.sessions).values(row))
    return born


async def reasons(database: Database, user: UserId) -> list[str | None]:
    """Why each of somebody's sessions ended, oldest first."""
    found = await database.fetch("SELECT revoked_for FROM sessions WHERE user_id = $1 ORDER BY id", user)
    return [row["revoked_for"] for row in found]


async def test_all_sessions_end_but_one(database: Database) -> None:
    """Given three sign-ins and a stranger's, when all but the second are ended, then they open nothing, and it does."""
    user, mine = await account(database, 3)
    stranger, theirs = await account(database, 1)
    async with database.writing() as writer:
        assert await sessions.revoke_all(writer, user, Ended.PASSWORD_CHANGED, mine[1]) == 2
    assert [await sessions.signed_in(database, each) is not None for each in (*mine, *theirs)] == [
        False, True, False, True,
    ]  # fmt: skip
    assert await reasons(database, user) == ["password_changed", None, "password_changed"]
    assert await reasons(database, stranger) == [None]


async def test_what_ended_before_keeps_its_reason(database: Database) -> None:
    """Given a session that was logged out and one that ran out, when all are ended, then both stay as they were."""
    user, _ = await account(database, 0)
    async with database.writing() as writer:
        await _sign_in(writer, user, revoked_at=clock.now(), revoked_for=Ended.LOGOUT)
        await _sign_in(writer, user, expires_at=clock.now() - timedelta(seconds=1))
        await _sign_in(writer, user)
    async with database.writing() as writer:
        assert await sessions.revoke_all(writer, user, Ended.CLOSED) == 1
    assert await reasons(database, user) == ["logout", None, "closed"]


async def test_a_sign_in_under_way_is_ended_too(database: Database) -> None:
    """Given a sign-in that has locked its account, when all are ended meanwhile, then that waits and ends it too."""
    user, _ = await account(database, 1)

    async def end_all() -> int:
        async with database.writing() as writer:
            return await sessions.revoke_all(writer, user, Ended.PASSWORD_CHANGED)

    async with database.writing() as writer:
        await writer.execute(sa.text("UPDATE users SET last_login_at = now() WHERE id = :user"), {"user": user})
        ending = asyncio.create_task(end_all())
        await until_someone_waits(database)
        await _sign_in(writer, user)
    assert await ending == 2
    assert await reasons(database, user) == ["password_changed", "password_changed"]


async def until_someone_waits(database: Database) -> None:
    """Until Postgres says that a statement waits for a lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(60):
        while not await database.fetch(waiting):
            await asyncio.sleep(0.005)

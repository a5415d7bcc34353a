"""Resets as activities: one transaction with their letter, harmless when repeated, and no code on paper."""

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.passwords import CloseReset, OpenReset, PasswordActivities
from models import clock
from models.ids import ResetId, new_id
from models.reset import code, email_key
from tests import people
from tests.activities.till import Till

KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def passwords(till: Till) -> PasswordActivities:
    """The activities."""
    return PasswordActivities(till.database, KEY)


def asked(email: str) -> OpenReset:
    """Somebody asks."""
    return OpenReset(ResetId(new_id()), email, clock.now() + timedelta(hours=1))


async def test_who_has_an_account_gets_a_letter(till: Till, passwords: PasswordActivities) -> None:
    """Given an account, then there is a reset and one letter, written again neither; the code stands nowhere."""
    async with till.database.writing() as writer:
        ada = await people.account(writer, email="ada@example.com")
    request = asked("ADA@example.com")
    rows = await till.twice(passwords.open_reset, request)
    assert await till.ask("SELECT id, user_id, email_key, expires_at FROM password_resets") == [
        (request.reset, ada, email_key(KEY, "ada@example.com"), request.expires_at)
    ]
    assert await till.ask("SELECT user_id, cause, payload::jsonb ->> 'reset' FROM outbox") == [
        (ada, f"password_reset/{request.reset}", str(request.reset))
    ]
    assert code(KEY, request.reset) not in str({name: rows[name] for name in ("outbox", "password_resets")}).replace(
        str(request.reset), ""
    )


async def test_who_has_none_gets_no_letter(till: Till, passwords: PasswordActivities) -> None:
    """Given no account, then there is a reset all the same, without an owner, without the address, without a letter."""
    request = asked("nobody@example.com")
    rows = await till.twice(passwords.open_reset, request)
    assert await till.ask("SELECT id, user_id FROM password_resets") == [(request.reset, None)]
    assert rows["outbox"] == []
    assert "nobody@" not in str(rows)


async def test_what_is_over_is_forgotten(till: Till, passwords: PasswordActivities) -> None:
    """Given a reset, when it is closed, again too, then it is gone."""
    request = asked("ada@example.com")
    await ActivityEnvironment().run(passwords.open_reset, request)
    assert (await till.twice(passwords.close_reset, CloseReset(request.reset)))["password_resets"] == []

"""The whole OpenAPI against made-up requests, by schemathesis with all its checks, on a house that it may turn over.

Examples, every corner of every schema, and some random requests: the same at each run. `make fuzz EXAMPLES=200` goes on
at random for longer, and from one operation to the next.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dev import postgres
from dev.stack import embedded
from models import clock, session
from models.ids import SessionId, new_id
from models.roles import Role
from models.tables.session import sessions
from tests import people
from tests.premises import NEW_YORK, House, Shopper, open_house, own_redis

EXAMPLES = int(os.environ.get("HOLDFAST_FUZZ_EXAMPLES", "0"))
"""Random requests for each operation, on a long run by hand; 0: the short one."""
HERE = Path(__file__).parent
PARTS = {
    "coupons and shipping": "/admin/(coupons|shipping)",
    "shelves": "/admin/(products|variants|categories|tags|vendors)",
    "other staff": "/admin/(?!coupons|shipping|products|variants|categories|tags|vendors)",
    "buyers": "^/(?!api/v1/admin/)",
}
"""What runs apart from each other: the operations whose path matches."""
OTHERS = 40
"""Accounts whose sessions may be ended."""


@pytest.fixture
def open_to_all(parts: dict[str, str], worker_name: str) -> Iterator[House]:
    """A house of this test alone: its goods, zones and accounts may all be gone at the end."""
    url = postgres.fresh_database(parts["DATABASE_URL"])
    redis = own_redis(parts, worker_name, 16)
    given = {**parts, "DATABASE_URL": url, "REDIS_URL": redis, "TEMPORAL_NAMESPACE": f"fuzz-{worker_name}"}
    open_house(url)
    with embedded({"stripe", "mail", "worker", "api"}, given=given) as stack:
        yield House(stack, url)
    postgres.drop_database(url)


async def admins(house: House, count: int) -> list[str]:
    """Access tokens of so many admins, good for hours."""
    key, now, database = house.environment["SECRET_KEY"].encode(), clock.now(), house.database()
    tokens = []
    async with database.writing() as writer:
        for _ in range(count):
            user, born = await people.account(writer, Role.ADMIN), SessionId(new_id())
            week = now + timedelta(days=7)
            await writer.execute(sa.insert(sessions).values(id=born, user_id=user, expires_at=week))
            tokens.append(session.access_token(key, user, born, now + timedelta(hours=6)))
    await database.close()
    return tokens


async def furnish(house: House, token: str) -> None:
    """An address, a paid order, and something in the cart: what a request can be about."""
    async with house.client(Authorization=f"Bearer {token}") as client:
        shopper = Shopper(house, client)
        assert (await client.post("/addresses", json={**NEW_YORK, "kind": "shipping"})).status_code == 201
        await shopper.put(await house.stock(1000))
        form = shopper.order_form(await shopper.quote())
        del form["email"]
        assert (await shopper.check_out(form)).status_code in (201, 202)
        await shopper.put(await house.stock(1000))


@pytest.mark.timeout(7200 if EXAMPLES else 900)
@pytest.mark.parametrize("part", PARTS)
def test_nothing_made_up_breaks_anything(
    open_to_all: House, part: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Given requests that follow the schema, and such that do not, then each gets the answer that the schema says."""
    tokens = asyncio.run(admins(open_to_all, 1 + OTHERS))
    asyncio.run(furnish(open_to_all, tokens[0]))
    tally = tmp_path / "tally.json"
    how = (
        ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES)]
        if EXAMPLES
        else ["--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--generation-deterministic"]
    )
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"),
            "run", f"{open_to_all.root}/docs/openapi.json", "--include-path-regex", PARTS[part], "--no-color", *how,
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env=os.environ | {
            "SCHEMATHESIS_HOOKS": "tests.fuzz.rules", "PYTHONPATH": str(HERE.parents[1]),
            "HOLDFAST_FUZZ_TOKENS": json.dumps(tokens), "HOLDFAST_FUZZ_TALLY": str(tally),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert '"defect' not in open_to_all.stack.logs("api")
    answers: dict[str, dict[str, int]] = json.loads(tally.read_text())
    succeeded = [name for name, statuses in answers.items() if any(status.startswith("2") for status in statuses)]
    assert len(succeeded) > 0.6 * len(answers), "most requests were refused before they met anything"
    asyncio.run(still_signed_in(open_to_all, tokens[0]))
    requests = sum(count for statuses in answers.values() for count in statuses.values())
    record_property("measured", f"fuzz, {part}: {requests} requests to {len(answers)} operations, nothing broke")


async def still_signed_in(house: House, token: str) -> None:
    """It was not one long series of 401."""
    async with house.client(Authorization=f"Bearer {token}") as client:
        answer: Any = await client.get("/auth/me")
        assert answer.status_code == 200, answer.text

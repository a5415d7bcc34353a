"""The floor of a sign-in: one password compared by Argon2id in a thread, by a Litestar application alone."""

import asyncio

from argon2 import PasswordHasher
from litestar import Litestar, post
from litestar.params import JSONBody

from dev.bench.bare_reads import Hello

PASSWORD = "an engine of brass"
_hasher = PasswordHasher()
_kept = _hasher.hash(PASSWORD)


@post("/login")
async def login(data: JSONBody[dict[str, str]]) -> Hello:
    """No account, no session, no token: the cost that nobody can save."""
    await asyncio.to_thread(_hasher.verify, _kept, data["password"])
    return Hello("hello")


def app() -> Litestar:
    """With asyncio's own threads."""
    return Litestar([login], openapi_config=None, logging_config=None)

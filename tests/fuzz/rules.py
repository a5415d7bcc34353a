"""What schemathesis knows of this shop beyond its OpenAPI: how to sign in, and what our refusals mean.

Loaded by schemathesis itself (`SCHEMATHESIS_HOOKS`), in its own process.
"""

import atexit
import json
import os
import re
from collections import Counter, defaultdict
from itertools import cycle
from pathlib import Path
from typing import Any

import schemathesis

TOKENS = "HOLDFAST_FUZZ_TOKENS"
"""Access tokens as JSON: the first belongs to who has goods in the cart, an order and an address."""
TALLY = "HOLDFAST_FUZZ_TALLY"
"""File that gets how often each operation answered with which status, as JSON."""
ENDS_SESSIONS = ("/auth/", "/admin/users")
"""Here a request may end the session that it is sent with, or change the account: each gets another one."""


@schemathesis.auth(refresh_interval=None)
class Token:
    """Signs each request in."""

    def __init__(self) -> None:
        tokens = json.loads(os.environ[TOKENS])
        self._own = tokens[0]
        self._others = cycle(tokens[1:])

    def get(self, case: Any, _: Any) -> str:
        """An access token."""
        return str(next(self._others) if any(part in case.path for part in ENDS_SESSIONS) else self._own)

    def set(self, case: Any, data: str, _: Any) -> None:
        """Send it."""
        case.headers["Authorization"] = f"Bearer {data}"


tally: defaultdict[str, Counter[str]] = defaultdict(Counter)
atexit.register(lambda: Path(os.environ[TALLY]).write_text(json.dumps(tally)))


@schemathesis.hook
def after_call(_: Any, case: Any, response: Any) -> None:
    """Count the answer."""
    if case.method.upper() == case.operation.method.upper():
        tally[case.operation.label][str(response.status_code)] += 1


DECODER = re.compile(r"Expected `(?!int( \| null)?`, got `float`)|Expected \d|Object (missing|contains)|Invalid ")
"""How the decoder says that something is not as the schema has it. All else is a rule that no schema can say: what
belongs together, what comes before what, what exists; and that 2.0 is no whole number, which JSON Schema thinks it is.
"""


@schemathesis.check
def what_the_schema_allows_is_read(_: Any, response: Any, case: Any) -> None:
    """A request that follows the schema may be refused by the shop, but never as unreadable."""
    if case.meta and case.meta.generation.mode.is_positive and response.status_code in (400, 415, 422):
        problem = response.json()
        assert problem["code"] not in ("malformed", "unsupported_media_type"), problem
        assert [error for error in problem.get("errors", ()) if DECODER.match(error["detail"])] == [], problem

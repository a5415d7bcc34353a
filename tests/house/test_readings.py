"""Whoever reads something of a person is written down: nobody adds a route and forgets to decide whether it is one."""

import re
from pathlib import Path

from models.roles import Role
from tests.house.test_operations import WITHOUT_A_KEY
from tests.readings import NOTHING, SHOWN
from tests.routes import AT_THE_DESK, TABLE

ROOT = Path(__file__).parents[2]
CHANGE_NOTHING = {
    name.replace("/api/v1", "") for name, why in WITHOUT_A_KEY.items() if why == "changes nothing"
}  # fmt: skip
BUYERS_OWN = {name for name in (*SHOWN, *NOTHING) if " /orders/" in name}
"""Which staff may read too: `api/papers.py`."""


def reads(route: str) -> bool:
    """Whether it is there to be read, and changes nothing."""
    return route.startswith("GET ") or re.sub(r":\w+\}", "}", route) in CHANGE_NOTHING


def test_every_read_of_staff_and_vendors_is_decided() -> None:
    """Given each route for staff or vendors alone, then it is written down as something, or holds nothing, and why."""
    theirs = {
        route for route, who in (TABLE | AT_THE_DESK).items()
        if isinstance(who, set) and Role.CUSTOMER not in who and reads(route)
    }  # fmt: skip
    assert SHOWN.keys() & NOTHING.keys() == set()
    assert SHOWN.keys() | NOTHING.keys() == theirs | BUYERS_OWN
    assert all(NOTHING.values())


def test_nowhere_else_do_staff_see_more_than_buyers() -> None:
    """Given the rooms of buyers, then their papers alone ask what somebody may see of others', and both have rows."""
    asking = {path.name for path in (ROOT / "api").glob("*.py") if re.search(r"\bmay\(", path.read_text())}
    assert asking == {"access.py", "papers.py"}
    papers = {f"GET {path}" for path in re.findall(r'@get\(\s*"(.+?)"', (ROOT / "api/papers.py").read_text())}
    assert papers == BUYERS_OWN <= TABLE.keys()


def test_what_is_written_down_is_explained() -> None:
    """Given each name under which a reading stands in the log, then the docs say what it is, and of no other."""
    told = (ROOT / "docs/personal-data.md").read_text()
    assert set(re.findall(r"`(\w+\.read)`", told)) == set(SHOWN.values())

"""A second door to the running house, for those who do not want to wait long."""

from collections.abc import Iterator

import pytest

from dev.stack import embedded
from tests.premises import House


@pytest.fixture(scope="session")
def hasty(shared_house: House) -> Iterator[str]:
    """Where an API of the same house answers within two seconds, whatever is known by then."""
    given = {**shared_house.environment, "CHECKOUT_ANSWER_BUDGET": "2"}
    with embedded({"api"}, given=given) as stack:
        yield stack.urls["api"] + "/api/v1"

"""The API and the workers in this process, on real rows and a real Temporal: what staff do with orders, over HTTP."""

import pytest

from models.roles import Role
from tests.api.conftest import Api, StartApi, api_environment, media, redis_url, start_api
from tests.flow import Flow
from tests.models.swept import database, database_url, swept_url
from tests.seals import PAYLOAD_KEYS
from tests.steering.office import Clerk, Office

__all__ = ["api_environment", "database", "database_url", "media", "redis_url", "start_api", "swept_url"]


@pytest.fixture
def limits() -> dict[str, str]:
    """Settings of the API beyond the usual; to be overridden."""
    return {}


@pytest.fixture
async def office(
    flow: Flow,
    start_api: StartApi,
    parts: dict[str, str],
    worker_name: str,
    limits: dict[str, str],
) -> Office:
    """Staff at their desks, and orders that they steer."""
    api: Api = await start_api(
        TEMPORAL_ADDRESS=parts["TEMPORAL_ADDRESS"], TEMPORAL_NAMESPACE=f"flow-{worker_name}",
        CHECKOUT_ANSWER_BUDGET="60", PAYLOAD_KEYS=PAYLOAD_KEYS, **limits,
    )  # fmt: skip
    return Office(api, flow)


@pytest.fixture
async def bob(office: Office) -> Clerk:
    """Support."""
    return await office.hire(Role.SUPPORT)


@pytest.fixture
async def eve(office: Office) -> Clerk:
    """Support as well: a second person."""
    return await office.hire(Role.SUPPORT)

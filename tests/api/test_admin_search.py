"""Staff and the search: synonyms, what shoppers search for, how the index stands."""

from datetime import timedelta

import pytest

from models import clock
from models.database import Database
from models.roles import Role
from tests import goods
from tests.api.conftest import Api
from tests.goods import Sold
from tests.indexing import index_everything

SYNONYMS = "/api/v1/admin/search/synonyms"


@pytest.fixture
async def keeper(api: Api) -> dict[str, str]:
    """Who keeps the catalogue."""
    return await api.sign_in(Role.CATALOG)


async def test_synonyms_from_first_to_last(api: Api, keeper: dict[str, str], database: Database) -> None:
    """Given synonyms, then they are made, listed, changed, removed, each step in the log and known to the index."""
    made = await api.post(SYNONYMS, json={"terms": ["sofa", "couch"], "reason": "#1"}, headers=keeper)
    assert made.status_code == 201, made.text
    group = f"{SYNONYMS}/{made.json()['id']}"
    assert (await api.get(group, headers=keeper)).json() == made.json()
    assert (await api.get(SYNONYMS, headers=keeper)).json()["items"] == [made.json()]

    changed = await api.patch(group, json={"terms": ["sofa", "settee"]}, headers=keeper)
    assert changed.json() == {**made.json(), "terms": ["sofa", "settee"]}
    assert (await api.delete(group, headers=keeper)).status_code == 204
    gone = await api.get(group, headers=keeper)
    assert (gone.status_code, gone.json()["code"]) == (404, "synonyms_not_found")
    assert (await api.delete(group, headers=keeper)).status_code == 404

    rows = await database.fetch("SELECT action FROM audit_log ORDER BY at")
    assert [row["action"] for row in rows] == ["synonyms.create", "synonyms.change", "synonyms.remove"]
    noted = await database.fetch("SELECT reader, word FROM catalogue_changes WHERE word IS NOT NULL")
    assert [tuple(row) for row in noted] == [("search", "synonyms")] * 3


async def test_searches_follow_synonyms(api: Api, keeper: dict[str, str], database: Database) -> None:
    """Given synonyms, then one term finds what has the other."""
    async with database.writing() as writer:
        await goods.category(writer, "home")
        await goods.product(writer, "velvet-couch", Sold())
    await index_everything(database, api.app.state.house.search)
    await api.post(SYNONYMS, json={"terms": ["sofa", "couch"]}, headers=keeper)
    api.app.state.house.search.forget()

    found = await api.get("/api/v1/search?q=sofa")

    assert [item["slug"] for item in found.json()["items"]] == ["velvet-couch"]
    assert found.json()["searched_instead"] is None


@pytest.mark.parametrize(
    "terms",
    [[], ["sofa"], ["sofa", "Sofá"], ["sofa", "!!"], ["sofa", "a b c d"], ["sofa", "x\ny"], ["s"] * 21,
     ["sofa", "x" * 61]],
)  # fmt: skip
async def test_synonyms_that_are_none(api: Api, keeper: dict[str, str], database: Database, terms: list[str]) -> None:
    """Given one term, the same twice, no words or too many, then 422 and nothing is kept."""
    answer = await api.post(SYNONYMS, json={"terms": terms}, headers=keeper)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await database.fetch("SELECT FROM search_synonyms") == []


async def test_synonyms_are_made_once(api: Api, keeper: dict[str, str], database: Database) -> None:
    """Given the same request twice under one key, then there is one group."""
    headers = {**keeper, "Idempotency-Key": "k1"}
    answers = [await api.post(SYNONYMS, json={"terms": ["sofa", "couch"]}, headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert len(await database.fetch("SELECT FROM search_synonyms")) == 1


async def test_what_is_searched_for(api: Api, database: Database) -> None:
    """Given searches of some days, then sums and the leading queries of the days asked for are told."""
    headers, today = await api.sign_in(Role.SUPPORT), clock.now().date()
    async with database.writing_by_driver() as fetch:
        for days, query, searches, empty, clicks in (
            (0, "lantern", 5, 0, 2), (1, "lantern", 5, 0, 1), (0, "umbrella", 3, 3, 0), (0, "chair", 2, 0, 0),
            (0, "…", 4, 1, 0), (40, "lantern", 100, 0, 0),
        ):  # fmt: skip
            await fetch(
                "INSERT INTO search_tallies (day, query, searches, empty, clicks) VALUES ($1, $2, $3, $4, $5)",
                today - timedelta(days=days), query, searches, empty, clicks,
            )  # fmt: skip

    told = (await api.get("/api/v1/admin/analytics/search", headers=headers)).json()

    lantern = {"query": "lantern", "searches": 10, "empty": 0, "clicks": 3}
    umbrella = {"query": "umbrella", "searches": 3, "empty": 3, "clicks": 0}
    chair = {"query": "chair", "searches": 2, "empty": 0, "clicks": 0}
    assert told == {
        "first_day": str(today - timedelta(days=29)), "last_day": str(today), "searches": 19, "empty": 4, "clicks": 3,
        "top": [lantern, umbrella, chair], "without_results": [umbrella], "without_clicks": [chair],
    }  # fmt: skip
    one_day = await api.get(f"/api/v1/admin/analytics/search?from={today}&to={today}&limit=1", headers=headers)
    assert (one_day.json()["searches"], len(one_day.json()["top"])) == (14, 1)
    for wrong in ("from=2026-02-01&to=2026-01-01", "from=2020-01-01&to=2026-01-01", "to=0001-01-01&from=9999-01-01"):
        answer = await api.get(f"/api/v1/admin/analytics/search?{wrong}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), wrong
    assert (await api.get("/api/v1/admin/analytics/search?to=0001-01-01", headers=headers)).status_code == 200


async def test_how_the_index_stands(api: Api, keeper: dict[str, str], database: Database) -> None:
    """Given an index, then its engine, its generation and what it has yet to follow are told."""
    none = (await api.get("/api/v1/admin/search", headers=keeper)).json()
    assert (none["engine"], none["generation"]) == ("postgres", None)
    await index_everything(database)
    async with database.writing_by_driver() as fetch:
        await fetch("DELETE FROM catalogue_changes")

    told = (await api.get("/api/v1/admin/search", headers=keeper)).json()

    assert (told["generation"] is not None, told["building"], told["waiting"]) == (True, None, 0)

"""What the strict server takes and refuses is what Meilisearch publishes; and all that we ask of it is in the table."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from models.search.question import Sort
from tests.dev.meilisearch.index import Index as Kept
from tests.dev.meilisearch.published import ROUTES
from tests.dev.meilisearch.strict import StrictServer
from tests.dev.meilisearch.test_requests import index as index
from tests.dev.meilisearch.test_requests import server as server
from tests.models.search.conftest import Index

SEARCH, SETTINGS, FETCH = "/indexes/one/search", "/indexes/one/settings", "/indexes/one/documents/fetch"
DOCUMENTS = "/indexes/one/documents"
WRONG: list[tuple[str, str, Any, str, int]] = [
    ("POST", "/indexes", {"uid": "two", "nope": 1}, "bad_request", 400),
    ("POST", "/indexes", {"primaryKey": "id"}, "missing_index_uid", 400),
    ("POST", "/indexes", {"uid": "no spaces"}, "invalid_index_uid", 400),
    ("POST", "/indexes", {"uid": "two", "primaryKey": 1}, "invalid_index_primary_key", 400),
    ("GET", "/indexes/two", None, "index_not_found", 404),
    ("PATCH", SETTINGS, {"sortable": []}, "bad_request", 400),
    ("PATCH", SETTINGS, {"sortableAttributes": "id"}, "invalid_settings_sortable_attributes", 400),
    ("PATCH", SETTINGS, {"rankingRules": ["best"]}, "invalid_settings_ranking_rules", 400),
    ("PATCH", SETTINGS, {"typoTolerance": {"nope": 1}}, "invalid_settings_typo_tolerance", 400),
    ("PATCH", SETTINGS, {"typoTolerance": {"minWordSizeForTypos": {"oneTypo": 256}}},
     "invalid_settings_typo_tolerance", 400),
    ("PATCH", SETTINGS, {"faceting": {"sortFacetValuesBy": {"*": "size"}}}, "invalid_settings_faceting", 400),
    ("PATCH", SETTINGS, {"synonyms": {"sofa": "couch"}}, "invalid_settings_synonyms", 400),
    ("POST", DOCUMENTS + "?nope=1", [], "bad_request", 400),
    ("POST", DOCUMENTS, ["id"], "malformed_payload", 400),
    ("POST", FETCH, {"nope": 1}, "bad_request", 400),
    ("POST", FETCH, {"offset": None}, "invalid_document_offset", 400),
    ("POST", FETCH, {"fields": "id"}, "invalid_document_fields", 400),
    ("POST", FETCH, {"filter": "digest = 1"}, "invalid_document_filter", 400),
    ("POST", SEARCH, {"hits_per_page": 1}, "bad_request", 400),
    ("POST", SEARCH, {"limit": None}, "invalid_search_limit", 400),
    ("POST", SEARCH, {"offset": -1}, "invalid_search_offset", 400),
    ("POST", SEARCH, {"showMatchesPosition": None}, "invalid_search_show_matches_position", 400),
    ("POST", SEARCH, {"matchingStrategy": "some"}, "invalid_search_matching_strategy", 400),
    ("POST", SEARCH, {"rankingScoreThreshold": 2}, "invalid_search_ranking_score_threshold", 400),
    ("POST", SEARCH, {"filter": ["born is 1"]}, "invalid_search_filter", 400),
    ("POST", SEARCH, {"filter": "digest = 1"}, "invalid_search_filter", 400),
    ("POST", SEARCH, {"facets": ["digest"]}, "invalid_search_facets", 400),
    ("POST", SEARCH, {"sort": ["id"]}, "invalid_search_sort", 400),
    ("POST", SEARCH, {"sort": ["digest:asc"]}, "invalid_search_sort", 400),
    ("GET", "/tasks/first", None, "invalid_task_uids", 400),
    ("GET", "/tasks/9", None, "task_not_found", 404),
]  # fmt: skip


@pytest.fixture
def one(server: StrictServer) -> Iterator[httpx.Client]:
    """A client of a server with an index that may be filtered by `born` and sorted by `id`."""
    server.indexes["one"] = Kept("id")
    server.indexes["one"].settings = {"filterableAttributes": ["born"], "sortableAttributes": ["id"]}
    with httpx.Client(base_url=server.url, headers={"Authorization": "Bearer key"}) as client:
        yield client


@pytest.mark.parametrize(("method", "path", "body", "code", "status"), WRONG)
def test_what_is_not_published_is_refused_by_its_code(
    one: httpx.Client, server: StrictServer, method: str, path: str, body: Any, code: str, status: int
) -> None:
    """Given a field, a type or a parameter that is not in the table, then it is refused, and nothing is begun."""
    answer = one.request(method, path, json=body) if body is not None else one.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json().keys() == {"message", "code", "type", "link"}
    assert one.get("/tasks/0").json()["code"] == "task_not_found"


def test_keys_and_kinds_of_content_are_looked_at(one: httpx.Client) -> None:
    """Given no key, a wrong one, or what is not JSON, then each is refused by its code; what is no route by 404."""
    no_key, wrong = httpx.Client(base_url=one.base_url), {"Authorization": "Bearer other"}
    codes = [
        no_key.get("/indexes/one"), one.get("/indexes/one", headers=wrong), one.post(SEARCH, content=b"{}"),
        one.post(SEARCH, content=b"{}", headers={"Content-Type": "text/csv"}),
        one.post(SEARCH, content=b"{", headers={"Content-Type": "application/json"}),
        one.post(SEARCH, headers={"Content-Type": "application/json"}),
    ]  # fmt: skip
    no_key.close()

    assert [(each.status_code, each.json()["code"]) for each in codes] == [
        (401, "missing_authorization_header"), (403, "invalid_api_key"), (415, "missing_content_type"),
        (415, "invalid_content_type"), (400, "malformed_payload"), (400, "missing_payload"),
    ]  # fmt: skip
    assert (one.post("/indexes/one/find").status_code, one.put(DOCUMENTS).content) == (404, b"")


def test_what_is_written_is_there_once_it_is_waited_for(one: httpx.Client, server: StrictServer) -> None:
    """Given a task, then it goes its way look by look; one that fails says why."""
    number = one.post(DOCUMENTS, json=[{"id": "a"}, {"id": "not an id"}]).json()["taskUid"]

    assert server.indexes["one"].documents == {}
    looks = [one.get(f"/tasks/{number}").json() for _ in range(3)]
    assert [look["status"] for look in looks] == ["processing", "failed", "failed"]
    assert (looks[1]["error"]["code"], looks[1]["error"]["type"]) == ("invalid_document_id", "invalid_request")


async def test_all_that_is_asked_is_published_and_all_that_is_noted_is_asked(
    index: Index, server: StrictServer
) -> None:
    """Given a life of an index, then each request was by a route of the table, and the table has no other route."""
    product = await index.add("Storm lantern")
    for sort in Sort:
        assert await index.find("storm", sort=sort) == ["Storm lantern"]
    await index.mean_the_same("lantern", "lamp")
    assert await index.engine.digests(index.generation, product.id, product.id) == {product.id: product.digest}
    await index.put(gone=[product.id])
    await index.engine.drop(index.generation, 10)

    assert server.used == {(route.method, route.path) for route in ROUTES}

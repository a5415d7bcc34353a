"""What Meilisearch publishes of the requests that we send: routes, parameters, fields, types, error codes, answers.

Noted by hand from two published sources. Names, types and answers: `open-api.json`, version 1.17.0, of the repository
meilisearch/open-api (schemas `IndexCreateRequest`, `IndexView`, `Settings_Unchecked`, `TypoSettings`,
`MinWordSizeTyposSetting`, `FacetingSettings`, `PaginationSettings`, `BrowseQuery`, `PaginationView_Value`,
`SearchQueryWithIndex`, `SearchResult`, `SummarizedTaskView`, `TaskView`, `ResponseError`). What is refused, and how:
the server's source, meilisearch/meilisearch (`routes/indexes/{mod,documents}.rs`, `search/mod.rs`,
`meilisearch-types/src/{error,settings,deserr/mod}.rs`): bodies and queries deny fields they do not know with
`bad_request`, and each field has a code of its own. Where the two differ, the source counts: what is done later is
answered with 202, and fields are written in camel case, null only where it says optional.
"""

import re
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXTS: Schema = {"type": "array", "items": TEXT}
FILTER: Schema = {"anyOf": [TEXT, {"type": "array", "items": {"anyOf": [TEXT, TEXTS]}}, {"type": "null"}]}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _only(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


INDEX = {"uid": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,400}$"}, "primaryKey": _maybe(TEXT)}
SEARCH: dict[str, Schema] = {
    "q": _maybe(TEXT), "vector": _maybe({"type": "array", "items": {"type": "number"}}), "media": {}, "hybrid": {},
    "offset": COUNT, "limit": COUNT, "page": _maybe(COUNT), "hitsPerPage": _maybe(COUNT),
    "attributesToRetrieve": _maybe(TEXTS), "retrieveVectors": FLAG, "attributesToCrop": _maybe(TEXTS),
    "cropLength": COUNT, "attributesToHighlight": _maybe(TEXTS), "showRankingScore": FLAG,
    "showRankingScoreDetails": FLAG, "showMatchesPosition": FLAG, "filter": FILTER, "sort": _maybe(TEXTS),
    "distinct": _maybe(TEXT), "facets": _maybe(TEXTS), "highlightPreTag": TEXT, "highlightPostTag": TEXT,
    "cropMarker": TEXT, "matchingStrategy": {"enum": ["last", "all", "frequency"]},
    "attributesToSearchOn": _maybe(TEXTS), "locales": _maybe(TEXTS),
    "rankingScoreThreshold": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
}  # fmt: skip
FETCH: dict[str, Schema] = {
    "offset": COUNT, "limit": COUNT, "fields": _maybe(TEXTS), "retrieveVectors": FLAG, "ids": _maybe(TEXTS),
    "filter": FILTER, "sort": _maybe(TEXTS),
}  # fmt: skip
RULE = {"type": "string", "pattern": r"^(words|typo|proximity|attribute|sort|exactness|[^:]+:(asc|desc))$"}
BYTE = {"type": ["integer", "null"], "minimum": 0, "maximum": 255}
PATTERNS = _only(
    {"attributePatterns": TEXTS, "features": _maybe(_only({
        "facetSearch": FLAG, "filter": _only({"equality": FLAG, "comparison": FLAG}),
    }))}, "attributePatterns",
)  # fmt: skip
SETTINGS: dict[str, Schema] = {
    "displayedAttributes": _maybe(TEXTS), "searchableAttributes": _maybe(TEXTS),
    "filterableAttributes": _maybe({"type": "array", "items": {"anyOf": [TEXT, PATTERNS]}}),
    "sortableAttributes": _maybe(TEXTS), "rankingRules": _maybe({"type": "array", "items": RULE}),
    "stopWords": _maybe(TEXTS), "nonSeparatorTokens": _maybe(TEXTS), "separatorTokens": _maybe(TEXTS),
    "dictionary": _maybe(TEXTS), "synonyms": _maybe({"type": "object", "additionalProperties": TEXTS}),
    "distinctAttribute": _maybe(TEXT), "proximityPrecision": {"enum": ["byWord", "byAttribute", None]},
    "typoTolerance": _maybe(_only({
        "enabled": _maybe(FLAG), "minWordSizeForTypos": _maybe(_only({"oneTypo": BYTE, "twoTypos": BYTE})),
        "disableOnWords": _maybe(TEXTS), "disableOnAttributes": _maybe(TEXTS), "disableOnNumbers": _maybe(FLAG),
    })),
    "faceting": _maybe(_only({
        "maxValuesPerFacet": _maybe(COUNT),
        "sortFacetValuesBy": _maybe({"type": "object", "additionalProperties": {"enum": ["alpha", "count"]}}),
    })),
    "pagination": _maybe(_only({"maxTotalHits": _maybe(COUNT)})), "embedders": {"type": ["object", "null"]},
    "searchCutoffMs": _maybe(COUNT), "localizedAttributes": {"type": ["array", "null"]}, "facetSearch": _maybe(FLAG),
    "prefixSearch": {"enum": ["indexingTime", "disabled", None]}, "chat": {"type": ["object", "null"]},
}  # fmt: skip

KINDS = ["documentAdditionOrUpdate", "documentDeletion", "indexCreation", "indexDeletion", "settingsUpdate"]
STATES = ["enqueued", "processing", "succeeded", "failed", "canceled"]
ERROR = _only({"message": TEXT, "code": TEXT, "type": {"enum": ["internal", "invalid_request", "auth", "system"]},
               "link": TEXT}, "message", "code", "type", "link")  # fmt: skip
BEGUN = _only({"taskUid": COUNT, "indexUid": _maybe(TEXT), "status": {"enum": STATES}, "type": {"enum": KINDS},
               "enqueuedAt": TEXT}, "taskUid", "status", "type", "enqueuedAt")  # fmt: skip
TASK = _only(
    {"uid": COUNT, "batchUid": _maybe(COUNT), "indexUid": _maybe(TEXT), "status": {"enum": STATES},
     "type": {"enum": KINDS}, "canceledBy": _maybe(COUNT), "details": {"type": ["object", "null"]},
     "error": _maybe(ERROR), "duration": _maybe(TEXT), "enqueuedAt": TEXT, "startedAt": _maybe(TEXT),
     "finishedAt": _maybe(TEXT)}, "uid", "status", "type", "enqueuedAt",
)  # fmt: skip
VIEW = _only({"uid": TEXT, "createdAt": TEXT, "updatedAt": TEXT, "primaryKey": _maybe(TEXT)},
             "uid", "createdAt", "updatedAt")  # fmt: skip
PAGE = _only({"results": {"type": "array"}, "offset": COUNT, "limit": COUNT, "total": COUNT},
             "results", "offset", "limit", "total")  # fmt: skip
COUNTS = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": COUNT}}
RANGES = {"type": "object", "additionalProperties": _only({"min": {"type": "number"}, "max": {"type": "number"}})}
FOUND = _only(
    {"hits": {"type": "array", "items": {"type": "object"}}, "query": TEXT, "processingTimeMs": COUNT, "limit": COUNT,
     "offset": COUNT, "estimatedTotalHits": COUNT, "facetDistribution": COUNTS, "facetStats": RANGES},
    "hits", "query", "processingTimeMs", "limit", "offset", "estimatedTotalHits",
)  # fmt: skip


@dataclass(frozen=True)
class Route:
    """One route: what its query and body may hold, what a field that may not be so is called, what it answers."""

    method: str
    path: str
    status: int
    answer: Schema
    fields: dict[str, Schema] | None = None
    """Of a body that is an object."""
    required: dict[str, str] = field(default_factory=dict)
    """Fields that must be there, and the code where they are not."""
    body: Schema | None = None
    """Of a body that is something else."""
    code: str = "bad_request"
    """For a field that is not of its type; `{}` is its name."""
    query: dict[str, str] = field(default_factory=dict)
    """Parameters, and the code of each."""

    def code_of(self, name: str) -> str:
        """The code for a field that is not of its type."""
        return self.code.format(re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name))


ROUTES = (
    Route("POST", "/indexes", 202, BEGUN, INDEX, {"uid": "missing_index_uid"}, code="invalid_index_{}"),
    Route("GET", "/indexes/{uid}", 200, VIEW),
    Route("DELETE", "/indexes/{uid}", 202, BEGUN),
    Route("PATCH", "/indexes/{uid}/settings", 202, BEGUN, SETTINGS, code="invalid_settings_{}"),
    Route("POST", "/indexes/{uid}/documents", 202, BEGUN, body={"type": "array", "items": {"type": "object"}},
          code="malformed_payload",
          query={"primaryKey": "invalid_index_primary_key", "csvDelimiter": "invalid_document_csv_delimiter"}),
    Route("POST", "/indexes/{uid}/documents/delete-batch", 202, BEGUN, body={"type": "array"}),
    Route("POST", "/indexes/{uid}/documents/fetch", 200, PAGE, FETCH, code="invalid_document_{}"),
    Route("POST", "/indexes/{uid}/search", 200, FOUND, SEARCH, code="invalid_search_{}"),
    Route("GET", "/tasks/{number}", 200, TASK),
)  # fmt: skip

STATUSES = {
    "missing_authorization_header": 401, "invalid_api_key": 403, "index_not_found": 404, "task_not_found": 404,
    "invalid_content_type": 415, "missing_content_type": 415, "too_many_search_requests": 503,
}  # fmt: skip
"""Statuses of codes; of all others 400."""
KINDS_OF_ERROR = {
    "missing_authorization_header": "auth",
    "invalid_api_key": "auth",
    "too_many_search_requests": "system",
}
"""What kind of error a code is; of all others `invalid_request`."""

"""The engine of a shop that runs Meilisearch: an index a generation, asked and written over HTTP."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from httpx2 import HTTPError
from meilisearch_python_sdk import AsyncClient, AsyncIndex
from meilisearch_python_sdk.errors import (
    MeilisearchApiError,
    MeilisearchCommunicationError,
    MeilisearchError,
    MeilisearchTaskFailedError,
    MeilisearchTimeoutError,
)
from meilisearch_python_sdk.models.settings import (
    Faceting,
    MeilisearchSettings,
    MinWordSizeForTypos,
    Pagination,
    TypoTolerance,
)

from models.database import Database
from models.errors import Unavailable
from models.ids import tail
from models.money import EXPONENTS
from models.search.document import Document
from models.search.question import Ask, Chosen, Facets, Found, Place, Sort, price_steps
from models.search.text import MOST_WORDS, cut, words
from models.search.vocabulary import TYPOS
from models.tables import search_generation as generations
from models.tables import search_synonym as synonyms

PATIENCE = 5
"""Seconds for one request."""
TASK_PATIENCE = 60_000
"""Milliseconds until what was written must be searchable."""
AGE = 1.0
"""Seconds that the number of the living generation may be old."""
DEEPEST = 10_000
"""Matches that can be leafed through."""
AT_ONCE = 1000
"""Documents a page when all are looked through."""

TEXTS = ["name", "skus", "vendor", "categories", "tags", "attributes", "description"]
"""Where words are looked for, what matters most first."""
RULES = ["sort", "words", "typo", "attribute", "exactness", "proximity", "score:desc"]
_ORDERS = {
    Sort.NEWEST: "created_at:desc",
    Sort.PRICE: "offers.{}.amount:asc",
    Sort.PRICE_DOWN: "offers.{}.amount:desc",
    Sort.RATING: "rating:desc",
    Sort.POPULARITY: "popularity:desc",
}
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Meilisearch:
    """Finds in Meilisearch; which generation is searched stands in Postgres, as for the other engine."""

    name = "meilisearch"

    def __init__(self, url: str, key: str | None, database: Database) -> None:
        self._client = AsyncClient(url, key, timeout=PATIENCE)
        self._database = database
        self._live: int | None = None
        self._read_at = float("-inf")

    async def search(self, ask: Ask) -> Found:
        """One page of what matches."""
        query = _plain(ask.text)
        live = await self._generation()
        if not query or live is None:
            return Found([], [], total=0, facets=Facets({}, {}, {}, {}, {}, 0, 0))
        offset = int(ask.after.value) if ask.after else 0
        kinds = ["category_ids", "vendor_id", "tag_ids", f"offers.{ask.currency}.step", "stars",
                 f"offers.{ask.currency}.in_stock"]  # fmt: skip
        async with _translated():
            answer = await self._index(live).search(
                query, offset=offset, limit=ask.limit, filter=filters(ask.filters, ask.currency),
                facets=kinds if ask.counted else None, sort=_sort(ask), show_matches_position=True,
                matching_strategy="all", attributes_to_retrieve=["id", "name", "description"],
            )  # fmt: skip
        products = [UUID(hit["id"]) for hit in answer.hits]
        counts = answer.facet_distribution
        return Found(
            products, [Place(float(offset + place), product) for place, product in enumerate(products, 1)],
            frozenset(word for hit in answer.hits for word in _matched(hit)), total=answer.estimated_total_hits,
            facets=None if counts is None or not ask.counted else _facets(counts, kinds),
        )  # fmt: skip

    async def open(self, generation: int) -> None:
        """Make the index of a generation, with its settings; it may be there."""
        async with _translated():
            await self._client.create_index(_uid(generation), "id", timeout_in_ms=TASK_PATIENCE)
        await self.configure(generation)

    async def configure(self, generation: int) -> None:
        """Settings of the index, among them synonyms as they are now."""
        alike = {
            " ".join(term): [" ".join(other) for other in group if other != term]
            for group in await synonyms.terms(self._database)
            for term in group
            if term
        }
        (two, _), (one, _) = TYPOS
        settings = MeilisearchSettings(
            synonyms=alike, ranking_rules=RULES, searchable_attributes=TEXTS,
            filterable_attributes=["born", "category_ids", "currencies", "featured", "offers", "rating", "stars",
                                   "tag_ids", "vendor_id"],
            sortable_attributes=["created_at", "id", "offers", "popularity", "rating", "score"],
            typo_tolerance=TypoTolerance(
                disable_on_attributes=["skus"],
                min_word_size_for_typos=MinWordSizeForTypos(one_typo=one, two_typos=two),
            ),
            faceting=Faceting(max_values_per_facet=1000, sort_facet_values_by={"*": "count"}),  # of more, the commonest
            pagination=Pagination(max_total_hits=DEEPEST),
        )  # fmt: skip
        async with _translated():
            task = await self._index(generation).update_settings(settings)
            await self._done(task.task_uid)

    async def put(self, generation: int, documents: Sequence[Document], gone: Sequence[UUID]) -> None:
        """Take these in, each in the place of what was known of it; and know the others no more."""
        index = self._index(generation)
        async with _translated():
            if documents:
                task = await index.add_documents([as_json(document) for document in documents], "id")
                await self._done(task.task_uid)
            if gone:
                task = await index.delete_documents([str(product) for product in gone])
                await self._done(task.task_uid)

    async def digests(self, generation: int, first: UUID, last: UUID) -> dict[UUID, str]:
        """What is known of products between two ids. By the time in their ids: the server compares numbers alone."""
        known: dict[UUID, str] = {}
        spans: list[str | list[str]] = [f"born >= {_born(first)}", f"born <= {_born(last)}"]
        offset = 0
        while True:
            async with _translated():
                page = await self._index(generation).get_documents(
                    offset=offset, limit=AT_ONCE, fields=["id", "digest"], filter=spans
                )
            known |= {UUID(row["id"]): row["digest"] for row in page.results}
            offset += AT_ONCE
            if offset >= page.total:
                return {product: digest for product, digest in known.items() if first <= product <= last}

    async def drop(self, generation: int, most: int) -> bool:
        """Forget a generation. Nothing is left."""
        async with _translated():
            await self._client.delete_index_if_exists(_uid(generation))
        return False

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    def forget(self) -> None:
        """Ask again which generation is searched."""
        self._read_at = float("-inf")

    def _index(self, generation: int) -> AsyncIndex:
        return self._client.index(_uid(generation))

    async def _done(self, task: int) -> None:
        await self._client.wait_for_task(task, timeout_in_ms=TASK_PATIENCE, raise_for_status=True)

    async def _generation(self) -> int | None:
        if time.monotonic() - self._read_at >= AGE:
            self._live = (await generations.known(self._database, self.name)).live
            self._read_at = time.monotonic()
        return self._live


def as_json(document: Document) -> dict[str, Any]:
    """A document as the server keeps it."""
    return {
        "id": str(document.id), "born": _born(document.id), "name": document.name, "vendor": document.vendor,
        "categories": document.categories, "tags": document.tags, "attributes": document.attributes,
        "skus": document.skus, "description": document.description,
        "category_ids": [str(each) for each in document.category_ids],
        "vendor_id": str(document.vendor_id) if document.vendor_id else None,
        "tag_ids": [str(each) for each in document.tag_ids],
        "created_at": (document.created_at - _EPOCH) // timedelta(microseconds=1), "featured": document.featured,
        "rating": document.rating, "stars": int(document.rating), "popularity": document.popularity,
        "score": document.score, "currencies": list(document.offers),
        "offers": {
            currency: {
                "amount": offer.amount, "in_stock": offer.in_stock, "on_sale": offer.on_sale,
                "step": sum(offer.amount >= step for step in price_steps(EXPONENTS.get(currency, 2))),
            }
            for currency, offer in document.offers.items()
        },
        "digest": document.digest,
    }  # fmt: skip


def filters(chosen: Chosen, currency: str) -> list[str | list[str]]:
    """What a match must be, in the server's words; all of it. Only ids, numbers and codes of ours go in."""
    offer = f"offers.{currency}"
    rules = (
        ("category_ids = '{}'", chosen.category), ("vendor_id = '{}'", chosen.vendor), ("tag_ids = '{}'", chosen.tag),
        (f"{offer}.amount >= {{}}", chosen.min_price), (f"{offer}.amount <= {{}}", chosen.max_price),
        ("rating >= {}", chosen.min_rating), (f"{offer}.in_stock = {{}}", _word(chosen.in_stock)),
        ("featured = {}", _word(chosen.featured)), (f"{offer}.on_sale = {{}}", _word(chosen.on_sale)),
    )  # fmt: skip
    return [f"currencies = '{currency}'", *(rule.format(value) for rule, value in rules if value is not None)]


def _word(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _sort(ask: Ask) -> list[str] | None:
    """Ties are broken by id, so that pages hold each match once."""
    order = _ORDERS.get(ask.sort)
    return None if order is None else [order.format(ask.currency), "id:asc"]


def _plain(text: str) -> str:
    """A query without what the server would take for orders: quotes and minus signs."""
    return " ".join([part for part, word in cut(text) if word][:MOST_WORDS])


def _uid(generation: int) -> str:
    return f"holdfast_products_{generation}"


def _born(product: UUID) -> int:
    """Milliseconds since 1970 that a UUIDv7 begins with."""
    return product.int >> 80


def _matched(hit: dict[str, Any]) -> set[str]:
    """Words of a hit that matched. The server counts in bytes."""
    found: set[str] = set()
    for attribute, spans in (hit.get("_matchesPosition") or {}).items():
        text = hit.get(attribute)
        if isinstance(text, str):
            raw = text.encode()
            for span in spans:
                place = span["start"]
                found.update(words(raw[place : place + span["length"]].decode(errors="ignore")))
    return found


def _facets(counts: dict[str, Any], kinds: Sequence[str]) -> Facets:
    categories, vendors, tags, steps, stars, stock = (counts.get(kind, {}) for kind in kinds)

    def by_id(found: dict[str, int]) -> dict[int, int]:
        return {tail(UUID(name)): count for name, count in found.items()}

    def by_number(found: dict[str, int]) -> dict[int, int]:
        return {int(float(name)): count for name, count in found.items()}

    return Facets(
        by_id(categories), by_id(vendors), by_id(tags), by_number(steps), by_number(stars), stock.get("true", 0),
        stock.get("false", 0),
    )  # fmt: skip


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """A server that is away or overloaded is Unavailable; a request that it refuses is a defect of ours."""
    try:
        yield
    except MeilisearchApiError as error:
        if error.status_code >= 500 or error.status_code in (404, 408, 429):  # 404: a generation that just went
            raise Unavailable("meilisearch", str(error)) from error
        raise
    except (MeilisearchCommunicationError, MeilisearchTimeoutError, HTTPError, OSError) as error:
        raise Unavailable("meilisearch", str(error)) from error
    except MeilisearchTaskFailedError:
        raise
    except MeilisearchError as error:
        raise Unavailable("meilisearch", str(error)) from error

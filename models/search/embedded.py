"""The engine that needs no other server: Postgres' full text, with the words of the shop in memory to forgive typos."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from models.database import Database
from models.search.document import Document
from models.search.question import MOST_COUNTED, Ask, Facets, Found, Place, Sort
from models.search.text import asked, code, words
from models.search.vocabulary import Vocabulary, Wanted
from models.tables import search_document as index
from models.tables import search_generation as generations
from models.tables import search_match as matches
from models.tables import search_synonym as synonyms
from models.tables.search_match import Query, either, quoted

AGE = 1.0
"""Seconds that words and synonyms in memory may be old."""
ANEW = 600.0
"""Seconds after which all words are read again, whatever was missed."""
FINER = 16
"""A sample is taken when there are more matches than this part of its share would count: 1,000 in one product of 16,
250 in one of four."""
MOST_READ = 16
"""From this share on there are too many matches for all to be read and ranked: the best are walked to."""
MANY = 32_000
"""Products with a word that is being typed, above which those with it in their name are not looked for: they are too
many to be read, and so soon met on the way down the scores."""
NOTHING = Found([], [], total=0, facets=Facets({}, {}, {}, {}, {}, 0, 0))

_encode = msgspec.json.Encoder().encode


class Embedded:
    """Finds and keeps everything in Postgres. `counted`: matches up to which all are ranked."""

    name = "postgres"

    def __init__(self, database: Database, counted: int = MOST_COUNTED) -> None:
        self._database = database
        self._counted = counted
        self._generation: int | None = None
        self._version = 0
        self._words = Vocabulary()
        self._read_at = self._anew_at = float("-inf")
        self._reading = asyncio.Lock()

    async def search(self, ask: Ask) -> Found:
        """One page of what matches."""
        await self._refresh()
        wanted = self._words.understand(asked(ask.text))
        if not wanted or self._generation is None or any(not _possible(each, ask.text) for each in wanted):
            return NOTHING
        query = query_of(wanted, ask.text, ask.currency)
        counted, share = (None, 1) if ask.glance else await self._count(ask, query, wanted)
        if ask.glance:
            places = await self._glance(ask, query, wanted)
        elif counted and share == 1 and ask.after is None:
            places = counted.page
        elif counted and share > 1 and ask.sort is Sort.RELEVANCE:
            places = await (self._first(ask, query, counted) if share < MOST_READ else self._best(ask, query, counted))
        else:
            places = await matches.page(self._database, self._generation, ask, query)
        return Found(
            [place.id for place in places], places, frozenset(word for each in wanted for word in _shown(each)),
            frozenset(each.begins for each in wanted if each.begins), _instead(wanted),
            counted.total if counted else None, counted.facets if counted and ask.counted else None, share > 1,
        )  # fmt: skip

    async def _first(self, ask: Ask, query: Query, counted: matches.Counted) -> list[Place]:
        """One page of some hundreds: often those with the words in their name fill it, and no other need be read."""
        assert self._generation is not None
        if len(counted.page) == ask.limit:
            return counted.page
        return await matches.page(self._database, self._generation, ask, query)

    async def _glance(self, ask: Ask, query: Query, wanted: Sequence[Wanted]) -> list[Place]:
        """Those with the words in their name; when there is none, or very many products have the words, any."""
        assert self._generation is not None
        if min(self._likely(each) for each in wanted) > MANY:
            walk = min(self._words.count(each.word) for each in wanted) > self._counted
            best = await matches.best(self._database, self._generation, ask, query, walk=walk)
            left = ask.limit - len(best)
            return best + await matches.rest(self._database, self._generation, ask, query, left) if left else best
        in_name = query._replace(anywhere=query.meant_in_name)
        found = await matches.page(self._database, self._generation, ask, in_name)
        return found or await matches.page(self._database, self._generation, ask, query)

    async def _best(self, ask: Ask, query: Query, counted: matches.Counted) -> list[Place]:
        """One page of very many matches: those with the words in their name, then the others, by score."""
        assert self._generation is not None
        places: list[Place] = []
        if ask.after is None or ask.after.value >= 2:
            walk = counted.named > self._counted
            places = await matches.best(self._database, self._generation, ask, query, walk=walk)
        if len(places) < ask.limit:
            left = ask.limit - len(places)
            places += await matches.rest(self._database, self._generation, ask, query, left)
        return places

    async def _count(self, ask: Ask, query: Query, wanted: Sequence[Wanted]) -> tuple[matches.Counted | None, int]:
        """The numbers, if anybody wants them or they are many; and one product in how many they were made from."""
        assert self._generation is not None
        likely = min(self._likely(each) for each in wanted)
        for sample in query.samples:
            share = sample[0]
            if likely > self._counted * share // FINER and (ask.counted or share >= MOST_READ):
                first = share < MOST_READ and ask.sort is Sort.RELEVANCE
                found = await matches.count(self._database, self._generation, ask, query, sample, first=first)
                if found.total > self._counted * share // FINER:
                    return found, share
        if not ask.counted:
            return None, 1
        return await matches.count(self._database, self._generation, ask, query), 1

    def _likely(self, wanted: Wanted) -> int:
        """Products that have this word at most, roughly."""
        begins = wanted.begins
        likely = sum(self._words.count(word) for word in wanted.words if not begins or not word.startswith(begins))
        likely += self._words.count_of_all(begins) if begins else 0
        return likely + sum(min(self._words.count(word) for word in phrase) for phrase in wanted.phrases)

    async def complete(self, text: str, most: int) -> list[str]:
        """What the last word of a text may become."""
        await self._refresh()
        found = asked(text)
        return self._words.beginning(found[-1], most) if found else []

    async def open(self, generation: int) -> None:
        """Nothing to do: a generation is a number in its rows."""

    async def configure(self, generation: int) -> None:
        """Nothing to do: synonyms are read with the words."""

    async def put(self, generation: int, documents: Sequence[Document], gone: Sequence[UUID]) -> None:
        """Take these in, and forget `gone`."""
        found = [(document, index.row(document, lambda made: _encode(made).decode())) for document in documents]
        async with self._database.writing_by_driver() as fetch:
            await index.put(fetch, generation, found, gone)

    async def digests(self, generation: int, first: UUID, last: UUID) -> dict[UUID, str]:
        """What is known of products between two ids."""
        return await index.digests(self._database, generation, first, last)

    async def drop(self, generation: int, most: int) -> bool:
        """Forget `most` products of a generation. Whether something is left."""
        async with self._database.writing_by_driver() as fetch:
            return await index.drop(fetch, generation, most)

    async def close(self) -> None:
        """The database is not ours to close."""

    def forget(self) -> None:
        """Read words and synonyms again before the next search."""
        self._read_at = float("-inf")

    async def _refresh(self) -> None:
        """Read what changed of words and synonyms, at most once a second; others go on with what is there."""
        if time.monotonic() - self._read_at < AGE or (self._reading.locked() and self._generation is not None):
            return
        async with self._reading:
            if time.monotonic() - self._read_at < AGE:
                return
            live = (await generations.known(self._database, self.name)).live
            begun = time.monotonic()
            if live != self._generation or begun - self._anew_at > ANEW:
                vocabulary = Vocabulary()
                version = await _learn(self._database, vocabulary, live, 0)
                self._words, self._version, self._generation, self._anew_at = vocabulary, version, live, begun
            else:
                self._version = await _learn(self._database, self._words, live, self._version)
            self._words.agree(await synonyms.terms(self._database))
            self._read_at = begun


async def _learn(database: Database, vocabulary: Vocabulary, generation: int | None, since: int) -> int:
    if generation is None:
        return since
    found = await index.words_since(database, generation, since)
    vocabulary.learn(found.counts)
    return found.version


def query_of(wanted: Sequence[Wanted], text: str, currency: str) -> Query:
    """What is wanted as Postgres asks it. Words in the index begin with the currency, those of a name do not."""

    def all_of(sign: str, *, as_meant: bool = True) -> str:
        return " & ".join(_alternatives(each, sign, as_meant) for each in wanted)

    sku, name = code(text), f"^{' '.join(words(text))}"[:200]
    is_number = len(sku) > 2 and any(letter.isdecimal() for letter in sku)
    return Query(
        anywhere=either(all_of(currency), *([quoted(f"{currency}={sku}", begins=True)] if is_number else [])),
        in_name=all_of(f"{currency}.", as_meant=False), whole=quoted(currency + name),
        meant_in_name=all_of(f"{currency}."), named=all_of(".", as_meant=False), meant=all_of("."), name=quoted(name),
        samples=[(share, all_of(currency + sign)) for share, sign in index.SAMPLES],
    )  # fmt: skip


def _alternatives(wanted: Wanted, sign: str, as_meant: bool) -> str:
    if not as_meant and not wanted.phrases and not wanted.mistyped:
        return quoted(sign + wanted.word)
    told = [quoted(sign + word) for word in wanted.words if not wanted.begins or not word.startswith(wanted.begins)]
    told += [quoted(sign + wanted.begins, begins=True)] if wanted.begins else []
    told += ["(" + " & ".join(quoted(sign + word) for word in phrase) + ")" for phrase in wanted.phrases]
    return either(*(told or [quoted(sign + wanted.word)]))


def _possible(wanted: Wanted, text: str) -> bool:
    """Whether anything can match: a word that the shop does not have may still be a part of a SKU."""
    return bool(wanted.words or wanted.begins or wanted.phrases) or any(letter.isdecimal() for letter in text)


def _shown(wanted: Wanted) -> Iterable[str]:
    yield from wanted.words
    for phrase in wanted.phrases:
        yield from phrase


def _instead(wanted: Sequence[Wanted]) -> str | None:
    if not any(each.mistyped for each in wanted):
        return None
    return " ".join(each.words[0] if each.mistyped else each.word for each in wanted)

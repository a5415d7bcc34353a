"""All words of the shop, kept in memory: what completes a word that is being typed, and what a mistyped one meant."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

TYPOS = ((8, 2), (4, 1))
"""From this many letters on, so many typos are forgiven: letters left out, added, exchanged or swapped."""
MOST_ALTERNATIVES = 12
"""Words that one mistyped word may have meant."""
MOST_SYNONYMS = 12


class Wanted(msgspec.Struct, frozen=True):
    """One word of a query, and what else is taken for it."""

    word: str
    words: tuple[str, ...]
    """Any of these will do; among them the word itself when the shop has it."""
    begins: str | None = None
    """So will a word that begins like this."""
    phrases: tuple[tuple[str, ...], ...] = ()
    """So will all words of one of these together."""
    mistyped: bool = False
    """The shop has no such word: `words` are what it may have meant, the likeliest first."""


class Vocabulary:
    """Words and in how many products each is; synonyms, each with what means the same."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._sorted: list[str] = []
        self._stale = False
        self._synonyms: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = {}
        self._meant = lru_cache(maxsize=5000)(self._look_for)

    def learn(self, counts: Mapping[str, int]) -> None:
        """Words with the number of products they are in now; 0: in none any more."""
        for word, count in counts.items():
            if (count > 0) is not (word in self._counts):
                self._stale = True
            if count > 0:
                self._counts[word] = count
            else:
                self._counts.pop(word, None)
        if self._stale:
            self._meant.cache_clear()

    def agree(self, groups: Iterable[Iterable[tuple[str, ...]]]) -> None:
        """Terms that mean the same, group by group, each as its words."""
        found: dict[tuple[str, ...], dict[tuple[str, ...], None]] = {}
        for group in groups:
            terms = [term for term in group if term]
            for term in terms:
                found.setdefault(term, {}).update((other, None) for other in terms if other != term)
        self._synonyms = {term: tuple(others)[:MOST_SYNONYMS] for term, others in found.items()}

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, word: str) -> int:
        """Products that have this very word."""
        return self._counts.get(word, 0)

    def beginning(self, start: str, most: int) -> list[str]:
        """Words that begin like this, those of most products first."""
        ordered = self._ordered()
        first = bisect_left(ordered, start)
        last = bisect_left(ordered, start + "\U0010ffff")
        return sorted(ordered[first:last], key=lambda word: (-self._counts[word], word))[:most]

    def count_of_all(self, start: str) -> int:
        """The same summed up for all words that begin like this."""
        ordered, counts = self._ordered(), self._counts
        first = bisect_left(ordered, start)
        return sum(counts[word] for word in ordered[first : bisect_left(ordered, start + "\U0010ffff", first)])

    def begins(self, start: str) -> bool:
        """Whether any word begins like this."""
        ordered = self._ordered()
        place = bisect_left(ordered, start)
        return place < len(ordered) and ordered[place].startswith(start)

    def understand(self, words: list[str], *, typing: bool = True) -> list[Wanted]:
        """What each word of a query may mean. `typing`: the last one may be unfinished."""
        wanted: list[Wanted] = []
        place = 0
        while place < len(words):
            taken, others = self._longest_term(words, place)
            here, place = words[place : place + taken], place + taken
            last = place == len(words)
            if taken == 1:
                wanted.append(self._one(here[0], others, typing and last))
            else:  # a term of several words that others mean too
                wanted.append(Wanted(" ".join(here), (), None, (tuple(here), *others)))
        return wanted

    def _longest_term(self, words: list[str], place: int) -> tuple[int, tuple[tuple[str, ...], ...]]:
        for length in range(min(3, len(words) - place), 0, -1):
            others = self._synonyms.get(tuple(words[place : place + length]))
            if others:
                return length, others
        return 1, ()

    def _one(self, word: str, synonyms: tuple[tuple[str, ...], ...], unfinished: bool) -> Wanted:
        alike = tuple(term[0] for term in synonyms if len(term) == 1)
        phrases = tuple(term for term in synonyms if len(term) > 1)
        known = [each for each in (word, *_kin(word)) if each in self._counts]
        begins = word if unfinished and self.begins(word) else None
        if known or begins or alike or phrases:
            return Wanted(word, tuple(dict.fromkeys([*known, *alike])), begins, phrases)
        meant = self._meant(word, unfinished)
        return Wanted(word, meant, mistyped=bool(meant))

    def _look_for(self, word: str, unfinished: bool) -> tuple[str, ...]:
        """What an unknown word may have meant, the likeliest first: fewest typos, then most products."""
        typos = _forgiven(word)
        if typos == 0 or word.isdecimal():
            return ()
        near = self._near(word, self._ordered(), typos)
        if not near and unfinished:
            starts = sorted({each[: len(word)] for each in self._counts if len(each) > len(word)})
            likely = [start for start, _ in self._near(word, starts, typos)[:3]]
            return tuple(each for start in likely for each in self.beginning(start, 4))
        fewest = min((typo for _, typo in near), default=0)
        best = [(each, typo) for each, typo in near if typo <= fewest]
        return tuple(each for each, _ in best[:MOST_ALTERNATIVES])

    def _near(self, word: str, among: list[str], typos: int) -> list[tuple[str, int]]:
        scorer: Any = OSA.distance  # its stubs know scorers of floats only
        found = extract(word, among, scorer=scorer, score_cutoff=typos, limit=None)
        return sorted(
            ((each, int(distance)) for each, distance, _ in found if _alike(word, each, typos)),
            key=lambda pair: (pair[1], -self._counts.get(pair[0], 0), pair[0]),
        )

    def _ordered(self) -> list[str]:
        if self._stale:
            self._sorted = sorted(self._counts)
            self._stale = False
        return self._sorted


def _forgiven(word: str) -> int:
    return next((typos for length, typos in TYPOS if len(word) >= length), 0)


def _alike(word: str, other: str, typos: int) -> bool:
    """Numbers are never mistyped into other numbers; whoever forgives one typo expects the first letter or length."""
    if any(letter.isdecimal() for letter in other):
        return False
    return word[0] == other[0] or word[:2] == other[1::-1] or (typos > 1) or len(word) > 4


def _kin(word: str) -> tuple[str, ...]:
    """The other number of an English noun; harmless elsewhere, because only words of the shop count."""
    if word.endswith("ies") and len(word) > 4:
        return (word[:-3] + "y",)
    if word.endswith("es") and len(word) > 4:
        return (word[:-1], word[:-2])
    if word.endswith("s") and len(word) > 3:
        return (word[:-1],)
    if word.endswith("y") and len(word) > 2:
        return (word + "s", word[:-1] + "ies")
    return (word + "s", word + "es")

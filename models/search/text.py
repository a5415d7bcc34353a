"""How text becomes words that can be compared: without case, accents and marks, whatever the script.

Postgres has no extension of ours that does it, and both engines and the highlighting must agree, so it is done here.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

LONGEST_WORD = 40
"""Characters; what is longer is no word that anybody types."""
LONGEST_QUERY = 200
"""Characters that a client may send."""
MOST_WORDS = 8
"""Of a query; the rest of a pasted text says nothing that these do not."""

_UNTOUCHED_BY_NFKD = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)


def _marks() -> str:
    """Every combining mark of the basic plane, as ranges of a character class: they belong to the letter before."""
    codes = [code for code in range(0x10000) if unicodedata.category(chr(code))[0] == "M"]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(codes), lambda pair: pair[1] - pair[0])]
    return "".join(f"{re.escape(chr(run[0]))}-{re.escape(chr(run[-1]))}" for run in runs)


_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_marks()}]|['’](?=[^\W_]))*")
"""Letters and digits with their marks; an apostrophe inside belongs to its word: `men's` is one."""
_PRINTED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """One word as it is compared: `Café’s` → `cafes`."""
    if word.isascii():
        return word.lower().replace("'", "")[:LONGEST_WORD]
    bare = unicodedata.normalize("NFKD", word.casefold())
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter) and letter not in "'’")
    return bare.translate(_UNTOUCHED_BY_NFKD)[:LONGEST_WORD]


def words(text: str) -> list[str]:
    """The words of a text as they are compared, in its order."""
    return [folded for match in _WORD.finditer(text) if (folded := fold(match[0]))]


def cut(text: str) -> Iterator[tuple[str, str | None]]:
    """A text in pieces, each with its word as it is compared; None: what stands between words."""
    done = 0
    for match in _WORD.finditer(text):
        if match.start() > done:
            yield text[done : match.start()], None
        yield match[0], fold(match[0]) or None
        done = match.end()
    if done < len(text):
        yield text[done:], None


def code(text: str) -> str:
    """A product's number without what people leave out or add: `AB-12 c` → `ab12c`."""
    return "".join(words(text))[:LONGEST_WORD]


def tidy(query: str) -> str:
    """A query as it is shown and counted: one line, single blanks, lower case."""
    return " ".join(_PRINTED.sub(" ", query).split()).lower()[:LONGEST_QUERY]


def asked(query: str) -> list[str]:
    """The words that a query asks for, each once."""
    return list(dict.fromkeys(words(_PRINTED.sub(" ", query))))[:MOST_WORDS]

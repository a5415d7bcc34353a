"""Where a text matches, told in pieces of it: never as HTML, so that nobody has to trust it as such."""

from collections.abc import Collection

import msgspec

from models.search.text import cut

BEFORE, AFTER = 40, 120
"""Characters of a long text that are shown around its first match."""


class Piece(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A part of a text. All parts in their order are the text."""

    text: str
    matched: bool = False
    """It is a word that was searched for; left out: it is not."""


def pieces(text: str, words: Collection[str], beginnings: Collection[str]) -> list[Piece]:
    """A short text in pieces, whether anything in it matches or not."""
    found: list[Piece] = []
    between = ""
    for part, word in cut(text):
        if word is None or not _matches(word, words, beginnings):
            between += part
            continue
        if between:
            found.append(Piece(between))
            between = ""
        found.append(Piece(part, True))
    return [*found, Piece(between)] if between else found


def excerpt(text: str, words: Collection[str], beginnings: Collection[str]) -> list[Piece]:
    """A long text around its first match, with an ellipsis where it goes on; nothing when nothing matches."""
    if text.isascii():  # most texts of most products match nowhere: seen fast
        lower = text.lower()
        if not any(word in lower for word in words) and not any(start in lower for start in beginnings):
            return []
    place = 0
    for part, word in cut(text):
        if word is not None and _matches(word, words, beginnings):
            first = text.rfind(" ", 0, max(place - BEFORE, 0)) + 1 if place > BEFORE else 0
            last = text.find(" ", place + AFTER)
            last = len(text) if last < 0 else last
            shown = ("… " if first else "") + text[first:last] + (" …" if last < len(text) else "")
            return pieces(shown, words, beginnings)
        place += len(part)
    return []


def _matches(word: str, words: Collection[str], beginnings: Collection[str]) -> bool:
    return word in words or any(word.startswith(start) for start in beginnings)

"""Which languages this shop speaks, and which of them somebody understands."""

import re
from collections.abc import Sequence

from babel import Locale, UnknownLocaleError

from models.user import spelled

DEFAULT = "en"
LANGUAGES: Sequence[str] = ("en", "de", "fr", "am")
"""Those that have a catalogue; the first is what templates are written in, and spoken where no other is known."""

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_WEIGHT = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)")
LONGEST = 1000
"""Characters of an `Accept-Language` that are read; browsers send a tenth of it."""
LONGEST_TAG = 35
"""Characters of a language tag that is kept; a longer one names more than a language and a country."""


def language_of(tag: str | None) -> str:
    """The language of ours in which a reader of `tag` (BCP 47: `de-AT`) is told; `en` when it is none of ours."""
    language = (tag or DEFAULT).partition("-")[0].lower()
    return language if language in LANGUAGES else DEFAULT


def is_spoken(tag: str) -> bool:
    """Whether a reader of `tag` is told in their own language."""
    return tag.partition("-")[0].lower() in LANGUAGES


def preferred(accept_language: str | None) -> str | None:
    """What a browser would most like to read, of what we speak, as it spells it; None: nothing of it, or nothing said.

    RFC 9110 section 12.5.4; the earlier of two that it likes as much. Whatever cannot be read is passed over.
    """
    wanted: list[tuple[float, str]] = []
    for part in (accept_language or "")[:LONGEST].split(","):
        tag, _, weight = (piece.strip() for piece in part.partition(";"))
        liking = 1.0 if not weight else float(weight[2:]) if _WEIGHT.fullmatch(weight) else 0.0
        if liking > 0 and len(tag) <= LONGEST_TAG and _TAG.fullmatch(tag) and is_spoken(tag):
            wanted.append((liking, spelled(tag)))
    return max(wanted, key=lambda each: each[0])[1] if wanted else None


def reader(account: str | None, accept_language: str | None) -> str:
    """Whose language counts: the account's, if we speak it; else what the browser asks for; else English."""
    if account is not None and is_spoken(account):
        return account
    return preferred(accept_language) or DEFAULT


def conventions(tag: str | None) -> Locale:
    """How the reader writes sums and days: as in their country, if it is known, and always in a language of ours."""
    if tag is not None and is_spoken(tag):
        try:
            return Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            pass
    return Locale.parse(language_of(tag))

"""A shop's own letters: which are made of its own source instead of the built-in one, and what it takes to be one."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import jinja2
import msgspec

from models.wording.composing import SHOP, Composed, Source, compose
from models.wording.languages import language_of
from models.wording.samples import SAMPLES
from models.wording.sandbox import Unusable

NEEDED: Mapping[str, str] = {"password_reset": "code", "exchange_card": "gift_card_code"}
"""What a letter is sent for: one without it is none."""


_WRONG = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class Own(msgspec.Struct, frozen=True):
    """A source of the shop's own that is in force."""

    id: UUID
    template: str
    language: str
    source: Source


class Failure(msgspec.Struct, frozen=True):
    """A source of the shop's own that a letter could not be made of."""

    id: UUID
    why: str


def check(template: str, language: str, source: Source) -> None:
    """Whether a source does for everything that this letter may have to say, in samples. Raises: Unusable."""
    for facts in SAMPLES[template]:
        made = compose(template, language, facts, source)
        needed = NEEDED.get(template)
        for part, said in (("text", made.text), ("html", made.html)):
            if needed is not None and str(facts[needed]) not in said:
                raise Unusable(part, f"it does not say {needed}, which this letter is sent for")


def worded(
    template: str, locale: str | None, facts: Mapping[str, Any], own: Sequence[Own], shop: str = SHOP
) -> tuple[Composed, Failure | None]:
    """A letter of the shop's own source, if there is one; of the built-in one where that fails, and why it did.

    Raises: jinja2.TemplateError when the built-in one fails.
    """
    language = language_of(locale)
    chosen = next((each for each in own if (each.template, each.language) == (template, language)), None)
    if chosen is None:
        return compose(template, locale, facts, shop=shop), None
    try:
        return compose(template, locale, facts, chosen.source, shop), None
    except _WRONG as wrong:  # a letter leaves in the built-in words rather than not at all
        return compose(template, locale, facts, shop=shop), Failure(chosen.id, str(wrong)[:500])

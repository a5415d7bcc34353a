"""The messages in each language: files of `catalogues/`, read once."""

from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from models.wording.languages import DEFAULT, language_of

FOLDER = Path(__file__).parent / "catalogues"


@cache
def catalogue(language: str) -> NullTranslations:
    """Messages of a language of ours; those in English are the templates' own."""
    if language == DEFAULT:
        return NullTranslations()
    with (FOLDER / f"{language}.po").open("rb") as source:
        read = read_po(source, locale=language, domain="messages")
    compiled = BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return Translations(compiled)


def said(locale: str | None, message: str, **values: object) -> str:
    """A message in a reader's language, with its `%(name)s` filled in."""
    told = catalogue(language_of(locale)).gettext(message)
    return told % values if values else told


def later(message: str) -> str:
    """Marks a message that is kept as a value, and said by `said` when its reader is known."""
    return message

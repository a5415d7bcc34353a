"""Brings the catalogues up to date with what templates and code say: `python -m dev.wording`, then translate.

What is new is added with an empty translation, what is said no more is dropped, what is there keeps its translation.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from models.wording.catalogues import FOLDER
from models.wording.languages import DEFAULT, LANGUAGES

ROOT = Path(__file__).parent.parent
KEYWORDS = {**DEFAULT_KEYWORDS, "later": None, "said": (2,)}
"""By what messages are found in Python, besides `gettext`."""
ROOMS = ("models", "activities")


def messages() -> Iterator[tuple[str, str]]:
    """Every message, and the file that says it."""
    for room in ROOMS:
        found = extract_from_dir(
            ROOT / room,
            method_map=[("wording/templates/**.j2", "jinja2"), ("**.py", "python")],
            options_map={"**.j2": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}},
            keywords=KEYWORDS,
        )
        for name, _, message, _, _ in found:
            assert isinstance(message, str), f"{name}: {message} has a plural; say it without"
            yield message, f"{room}/{name}"


def read(language: str) -> Catalog:
    """A language's catalogue as it is."""
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as source:
        return read_po(source, locale=language)


def renewed(language: str) -> Catalog:
    """A language's catalogue as it has to be."""
    old = read(language)
    new = Catalog(locale=language, fuzzy=False)
    places: dict[str, list[tuple[str, int]]] = {}
    for message, name in messages():
        places.setdefault(message, []).append((name, 0))
    for message, named in sorted(places.items(), key=lambda each: (each[1][0], each[0])):
        known = old.get(message)
        new.add(message, known.string if known else "", locations=sorted(set(named)))
    return new


def write(language: str, catalogue: Catalog) -> None:
    """Put a catalogue in its place."""
    with (FOLDER / f"{language}.po").open("wb") as target:
        target.write(_HEAD.format(language=language).encode())
        write_po(target, catalogue, width=0, include_lineno=False, omit_header=True)


_HEAD = """msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
"""Without Babel's own, which would change with every run."""


def main() -> None:
    """Rewrite the files."""
    for language in LANGUAGES:
        if language != DEFAULT:
            write(language, catalogue := renewed(language))
            print(f"{language}: {sum(1 for each in catalogue if each.id and not each.string)} to translate")


if __name__ == "__main__":
    main()

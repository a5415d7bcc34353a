"""The catalogues: complete, for everything that is said, and the same sums and names in every language."""

import re

import pytest

from dev import wording
from models.wording.catalogues import said
from models.wording.languages import DEFAULT, LANGUAGES

OTHERS = [language for language in LANGUAGES if language != DEFAULT]
PLACE = re.compile(r"%\(\w+\)s|%")
ETHIOPIC = re.compile(r"[\u1200-\u137f]")


@pytest.fixture(scope="module")
def messages() -> set[str]:
    """Everything that is said."""
    return {message for message, _ in wording.messages()}


@pytest.mark.parametrize("language", OTHERS)
def test_everything_is_translated(messages: set[str], language: str) -> None:
    """Given a catalogue, then it has every message that is said, no other, each with its translation and values."""
    told = {str(each.id): each for each in wording.read(language) if each.id}
    assert len(messages) > 20
    assert set(told) == messages, "run `python -m dev.wording`, then translate"
    for message, entry in told.items():
        assert isinstance(entry.string, str) and entry.string.strip(), message
        assert not entry.fuzzy, message
        assert sorted(PLACE.findall(entry.string)) == sorted(PLACE.findall(message)), message
        assert not set(entry.string) & set("<>&{}"), message
        assert (entry.string[0] == " ", entry.string[-1]) != (True, " "), message


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_is_one(messages: set[str], language: str) -> None:
    """Given a catalogue, then hardly a message stands there as in English; Amharic is written in its own script."""
    same = {message for message in messages if said(language, message) == message}
    assert same <= SAME_WORD, same
    if language == "am":
        assert all(ETHIOPIC.search(said("am", message)) for message in messages if re.sub(PLACE, "", message).strip())


SAME_WORD = {"Total"}
"""What is spelled alike in two languages."""


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_is_as_the_tool_writes_it(language: str) -> None:
    """Given a catalogue that is renewed, then nothing of it changes: it was written by nobody else."""
    before = {each.id: (each.string, each.locations) for each in wording.read(language)}
    after = {each.id: (each.string, [(file, None) for file, _ in each.locations]) for each in wording.renewed(language)}
    assert {key: value[0] for key, value in before.items() if key} == {
        key: value[0] for key, value in after.items() if key
    }


def test_said_in_a_language() -> None:
    """Given a message with a value, then it is said in the reader's language, with the value in it."""
    assert said("de-CH", "Order %(number)s", number="HF-1") == "Bestellung HF-1"
    assert said("ja", "Order %(number)s", number="HF-1") == "Order HF-1"

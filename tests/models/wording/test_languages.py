"""Which language somebody reads, whatever a browser says."""

import pytest

from models.wording.languages import conventions, language_of, preferred, reader


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None), ("", None), ("de", "de"), ("DE-at", "de-AT"), ("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", "fr-CH"),
        ("ja, en;q=0.5", "en"), ("ja", None), ("*", None), ("en;q=0.2, de;q=0.9, fr;q=0.9", "de"), ("de;q=0", None),
        ("de;q=0, fr;q=0.001", "fr"), ("am-ET,am;q=0.9", "am-ET"), ("de;q=nan, fr;q=0.1", "fr"), ("de;q=2", None),
        ("de;level=1", None), (",,,", None), ("de_AT", None), ("de-" + "x" * 40, None), ("de\x00", None),
        ("en" * 5000, None), (", " * 5000 + "de", None), ("\ud800", None), ("de-a-b-c-d-e-f", "de-a-b-c-d-e-f"),
    ],
)  # fmt: skip
def test_what_a_browser_asks_for(header: str | None, wanted: str | None) -> None:
    """Given an Accept-Language, sane or not, then it is the one liked most of those we speak, or none."""
    assert preferred(header) == wanted


@pytest.mark.parametrize(
    ("account", "header", "wanted"),
    [("de-AT", "fr", "de-AT"), ("ja", "fr", "fr"), ("ja", "zh", "en"), (None, "am", "am"), (None, None, "en")],
)
def test_whose_language_counts(account: str | None, header: str | None, wanted: str) -> None:
    """Given an account and a browser, then the account's language counts if we speak it, else the browser's."""
    assert reader(account, header) == wanted


@pytest.mark.parametrize(
    ("tag", "language", "known"),
    [("de-AT", "de", "de_AT"), ("de", "de", "de"), ("en-XX", "en", "en"), ("ja-JP", "en", "en"), (None, "en", "en"),
     ("am-x-private", "am", "am"), ("fr-Latn-CH", "fr", "fr_CH"), ("en-1234", "en", "en"), ("EN-gb", "en", "en_GB")],
)  # fmt: skip
def test_how_sums_and_days_are_written(tag: str | None, language: str, known: str) -> None:
    """Given a tag, then the words are in its language, and the conventions those of its country where one knows it."""
    assert language_of(tag) == language
    assert str(conventions(tag)) == known

"""Words: how they are compared, what is understood by them, what is remembered, and how matches are shown."""

import random

import pytest

from models.search.highlight import Piece, excerpt, pieces
from models.search.tally import WITHHELD, remembered
from models.search.text import LONGEST_WORD, MOST_WORDS, asked, code, cut, fold, tidy, words
from models.search.vocabulary import Vocabulary, Wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Café Crème", ["cafe", "creme"]), ("cafe\u0301", ["cafe"]), ("Men's", ["mens"]), ("Straße", ["strasse"]),
        ("Łódź", ["lodz"]), ("T-Shirt_XL", ["t", "shirt", "xl"]), ("500ml/12oz", ["500ml", "12oz"]), ("ﬁne", ["fine"]),
        ("Ⅷ", ["viii"]), ("a\x00b", ["a", "b"]), ("🫖", []), ("", []), ("İstanbul", ["istanbul"]),
    ],
)  # fmt: skip
def test_words_are_compared_without_case_and_accents(text: str, found: list[str]) -> None:
    """Given a text, then its words come out folded, in their order."""
    assert words(text) == found


def test_pieces_join_to_the_text() -> None:
    """Given any text, then its pieces are the text, and their words those that are compared."""
    for text in ("Café -- crème!", "", "  a  ", "men’s", "कप और चाय", "x" * 1000):
        assert "".join(part for part, _ in cut(text)) == text
        assert [word for _, word in cut(text) if word] == words(text)
    assert len(fold("x" * 1000)) == LONGEST_WORD


def test_a_query_is_tidied() -> None:
    """Given a query with line breaks and doubles, then one line is left, and a book has only its first words."""
    assert tidy("  Blue\n\tMUG\x00 ") == "blue mug"
    assert asked("mug Mug MÚG blue") == ["mug", "blue"]
    assert len(asked(" ".join(f"w{number}" for number in range(100)))) == MOST_WORDS
    assert (code("AB-12 c"), code("--")) == ("ab12c", "")


@pytest.fixture
def vocabulary() -> Vocabulary:
    """A small shop's."""
    made = Vocabulary()
    made.learn({"lantern": 5, "lamp": 9, "lamps": 2, "storm": 3, "berry": 1, "berries": 2, "chair": 4, "500ml": 1,
                "sofa": 1, "couch": 2})  # fmt: skip
    return made


def test_what_is_understood(vocabulary: Vocabulary) -> None:
    """Given words that are known, unfinished, in another number, mistyped or strange, then each is taken as such."""
    assert vocabulary.understand(["storm", "lan"]) == [
        Wanted("storm", ("storm",)), Wanted("lan", (), "lan"),
    ]  # fmt: skip
    assert vocabulary.understand(["lamp"], typing=False) == [Wanted("lamp", ("lamp", "lamps"))]
    assert vocabulary.understand(["stomr", "chair"])[0] == Wanted("stomr", ("storm",), mistyped=True)
    assert vocabulary.understand(["lantr"])[0].words == ("lantern",)
    assert vocabulary.understand(["xq"]) == [Wanted("xq", ())]
    assert vocabulary.understand(["501ml"])[0].words == ()
    assert vocabulary.beginning("la", 2) == ["lamp", "lantern"]


def test_words_that_are_gone_are_forgotten(vocabulary: Vocabulary) -> None:
    """Given a word that nothing has any more, then it is neither found, completed nor meant."""
    vocabulary.learn({"lantern": 0})

    assert vocabulary.understand(["lantren"]) == [Wanted("lantren", ())]
    assert (vocabulary.count("lantern"), vocabulary.begins("lant")) == (0, False)


def test_synonyms_are_understood(vocabulary: Vocabulary) -> None:
    """Given terms that mean the same, then each brings the others, the longest term first."""
    vocabulary.agree([[("sofa",), ("couch",)], [("french", "press"), ("cafetiere",)]])

    assert vocabulary.understand(["sofa"], typing=False) == [Wanted("sofa", ("sofa", "couch"))]
    assert vocabulary.understand(["french", "press"]) == [
        Wanted("french press", (), None, (("french", "press"), ("cafetiere",)))
    ]
    assert vocabulary.understand(["cafetiere"])[0].phrases == (("french", "press"),)


@pytest.mark.parametrize("query", ["blue mug", "iphone 15 pro max 256", "size 42", "a4 paper 500", "Café"])
def test_what_is_searched_for_is_remembered(query: str) -> None:
    """Given words that tell of nobody, then they are kept, tidied."""
    assert remembered(query) == query.lower()


@pytest.mark.parametrize(
    "query",
    ["ada@example.com", "ada @ example", "+1 212 555 0100", "4111111111111111", "12/07/1985 1", "www.me.example"],
)  # fmt: skip
def test_what_may_tell_of_somebody_is_withheld(query: str) -> None:
    """Given an address or a number of somebody's, then nothing of it is kept."""
    assert remembered(query) == WITHHELD


def test_matches_are_shown_in_pieces() -> None:
    """Given words and beginnings that matched, then they are told apart, and markup stays text."""
    assert pieces("Storm Lantern", {"storm"}, {"lan"}) == [Piece("Storm", True), Piece(" "), Piece("Lantern", True)]
    assert pieces("<b>Mug</b>", {"mug"}, ()) == [Piece("<b>"), Piece("Mug", True), Piece("</b>")]
    assert pieces("Chair", {"mug"}, ()) == [Piece("Chair")]
    assert pieces("", {"mug"}, ()) == []


def test_a_long_text_is_cut_around_the_match() -> None:
    """Given a long text, then what is around the first match is shown, with an ellipsis on either side."""
    text = "word " * 100 + "a Crème mug here " + "word " * 100
    found = excerpt(text, {"creme"}, ())
    shown = "".join(piece.text for piece in found)

    assert shown.startswith("… ") and shown.endswith(" …") and "Crème mug here" in shown
    assert len(shown) < 200
    assert [piece.text for piece in found if piece.matched] == ["Crème"]
    assert excerpt("nothing of it", {"mug"}, {"la"}) == []
    assert "".join(piece.text for piece in excerpt("A mug.", {"mug"}, ())) == "A mug."


def test_texts_in_which_nothing_needs_folding_are_shown_alike() -> None:
    """Given texts with and without a letter that must be folded, then the same of them is shown as matched."""
    dice = random.Random(4)
    for _ in range(2000):
        text = "".join(dice.choices(["mug", "MUGS", "la", "lamp", "a", "amu", "7", " ", "-", "_", ", ", "\x00"], k=12))
        words, starts = dice.sample(["mug", "a", "la", "7", "amug"], 2), dice.sample(["l", "mu", "a"], 1)
        folded = pieces(f"é {text}", words, starts)  # an accent anywhere makes it look at each word
        plain = pieces(f"e {text}", words, starts)
        assert [(piece.text.replace("é", "e"), piece.matched) for piece in folded] == [
            (piece.text, piece.matched) for piece in plain
        ], text

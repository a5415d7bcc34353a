"""Letters in every language: from one source, with nothing left to say, and never more than their facts."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.wording.composing import TEMPLATES, Composed, Source, compose, source_of
from models.wording.languages import LANGUAGES
from models.wording.samples import LATER, ORDER, SAMPLES, facts_of
from models.wording.sandbox import Unusable

EVERY = [
    pytest.param(template, facts, language, id=f"{template}-{n}-{language}")
    for template in SAMPLES
    for n, facts in enumerate(SAMPLES[template])
    for language in LANGUAGES
]
LEFT_OVER = re.compile(r"{{|}}|{%|%}|\bNone\b|Undefined|%\(|&lt;|&amp;lt;|  $", re.MULTILINE)
TAG = re.compile(r"<[^>]+>")


def words(html: str) -> str:
    """What a reader sees of a page's body."""
    return " ".join(TAG.sub(" ", html.partition("<body")[2]).replace("&amp;", "&").split())


def test_every_letter_has_samples() -> None:
    """Given the templates, then each can be looked at before it is sent."""
    assert set(SAMPLES) == set(TEMPLATES)


@pytest.mark.parametrize(("template", "facts", "language"), EVERY)
def test_every_letter_is_said_in_every_language(template: str, facts: dict[str, Any], language: str) -> None:
    """Given each letter in each way and language, then it has subject, text and a page, and nothing of a template."""
    letter = compose(template, language, facts)
    assert letter.subject and "\n" not in letter.subject and len(letter.subject) < 120
    for said in (letter.subject, letter.text, letter.html):
        assert LEFT_OVER.findall(said) == []
    assert f'<html lang="{language}" dir="ltr">' in letter.html
    assert letter.html.count("<table") == letter.html.count("</table>")
    assert letter.html.count("<p") == letter.html.count("</p>")
    assert "http" not in letter.html and "<img" not in letter.html and "<script" not in letter.html
    assert "\n\n\n" not in letter.text


@pytest.mark.parametrize(("template", "facts", "language"), EVERY)
def test_text_and_page_say_the_same(template: str, facts: dict[str, Any], language: str) -> None:
    """Given a letter, then every paragraph of its text stands in its page."""
    letter = compose(template, language, facts)
    seen = words(letter.html)
    for paragraph in letter.text.split("\n\n"):
        if not paragraph.startswith("  "):
            assert " ".join(paragraph.split()) in seen


@pytest.mark.parametrize(("template", "facts", "language"), EVERY)
def test_a_shop_begins_with_what_is_there(template: str, facts: dict[str, Any], language: str) -> None:
    """Given the built-in source as a shop's own, then the letter is the same to the byte."""
    assert compose(template, language, facts, source_of(template, language)) == compose(template, language, facts)


def test_languages_differ() -> None:
    """Given one letter in all languages, then no two have a paragraph of words in common."""
    letters = [compose("order_confirmed", language, ORDER) for language in LANGUAGES]
    assert [letter.subject for letter in letters] == [
        "Your order HF-7KQ2M-4XWPD is confirmed",
        "Ihre Bestellung HF-7KQ2M-4XWPD ist bestätigt",
        "Votre commande HF-7KQ2M-4XWPD est confirmée",
        "ትዕዛዝዎ HF-7KQ2M-4XWPD ተረጋግጧል",
    ]
    assert len({letter.text.split("\n\n")[1] for letter in letters}) == len(LANGUAGES)


@pytest.mark.parametrize("locale", ["ja", "", None, "x-klingon", "zz-ZZ", "en-XX"])
def test_whom_we_do_not_understand_reads_english(locale: str | None) -> None:
    """Given a language that is none of ours, or none at all, then the letter is in English."""
    assert compose("order_confirmed", locale, ORDER).text == compose("order_confirmed", "en", ORDER).text


def test_a_country_writes_its_sums() -> None:
    """Given readers of one language in two countries, then the words are the same and the sums are not."""
    german, austrian = (compose("order_confirmed", locale, ORDER) for locale in ("de", "de-AT"))
    assert german.subject == austrian.subject
    assert ("72,14\xa0$" in german.text, "$\xa072,14" in austrian.text) == (True, True)


def test_the_sums_of_an_order() -> None:
    """Given everything an order can have, then it stands in the text, line by line, and in the page."""
    letter = compose("order_confirmed", "en", LATER)
    assert (
        "  2 x Mug, hand-thrown (MUG-01)   $48.00   (has to come in first: sent by January 15, 2027)\n"
        "  1 x Sencha & Genmaicha (TEA-07)   $12.90\n"
        "  Discount (TENOFF)   -$6.09\n"
        "  Shipping, Standard (2-4 days)   $5.90\n"
        "  Total   $60.71 (including $5.34 tax)\n"
        "  By gift card or store credit   $20.00\n"
        "  The rest   $40.71\n"
    ) in letter.text
    seen = words(letter.html)
    for each in ("2 × Mug, hand-thrown MUG-01", "Discount (TENOFF) −$6.09", "Total $60.71", "The rest $40.71"):
        assert each in seen


def test_goods_have_the_names_they_were_bought_by() -> None:
    """Given a parcel that knows its goods by code alone, then the letter names them as the order does, if it can."""
    items = [{"sku": "MUG-01", "quantity": 2}, {"sku": "GONE-9", "quantity": 1}]
    letter = compose("shipped", "en", {**SAMPLES["shipped"][0], "items": items})
    assert "  2 x Mug, hand-thrown (MUG-01)\n  1 x GONE-9\n" in letter.text
    assert "2 × Mug, hand-thrown MUG-01 1 × GONE-9" in words(letter.html)


def test_what_a_fact_says_is_no_markup() -> None:
    """Given facts that look like HTML or like a template, then the page shows them as they were written."""
    evil = "<script>alert(1)</script> {{ number }} {% if x %} <p>"
    letter = compose("order_confirmed", "fr", {**ORDER, "address": {**ORDER["address"], "full_name": evil}})
    assert (
        "<script" not in letter.html and "&lt;script&gt;alert(1)&lt;/script&gt; {{ number }} {% if x %}" in letter.html
    )
    assert evil in letter.text
    assert "\n" not in compose("order_confirmed", "en", {**ORDER, "number": "HF\r\nBcc: eve@example.com"}).subject


def test_a_letter_that_is_unknown_or_lacks_a_fact_is_not_made() -> None:
    """Given no such template, or facts without a name that it says, then there is no letter."""
    with pytest.raises(KeyError):
        compose("../secrets", "en", ORDER)
    with pytest.raises(Exception, match="'address' is undefined"):
        compose("order_confirmed", "en", {name: fact for name, fact in ORDER.items() if name != "address"})


def own(text: str = "Hello {{ number }}", subject: str = "Yours", html: str | None = None) -> Source:
    """A shop's own source."""
    return Source(subject, text, html)


def made(source: Source) -> Composed:
    """What it makes of an order."""
    return compose("order_confirmed", "de", ORDER, source, shop="Teehaus")


def test_a_shop_s_own_words() -> None:
    """Given a shop's own source, then it is said with pieces and conventions of the reader, in the shared layout."""
    letter = made(
        own("Hallo {{ address.full_name }}!\n\n{{ basket() }}\n{% if due %}Offen: {{ due | money }}{% endif %}")
    )
    assert letter.subject == "Yours"
    assert letter.text.startswith("Hallo Ada Lovelace!\n\n  2 x Mug, hand-thrown (MUG-01)   48,00\xa0$\n")
    assert "Offen: 72,14\xa0$" in letter.text
    assert '<p style="margin:0 0 16px">Hallo Ada Lovelace!</p>' in letter.html and "Teehaus" in letter.html


def test_a_shop_s_own_page() -> None:
    """Given HTML of a shop's own, then it stands in the layout; a whole document stands alone; facts stay words."""
    evil = {**ORDER, "number": "<b>"}
    letter = compose("order_confirmed", "en", evil, own(html="<h1>{{ number }}</h1>\n\n{{ place() }}"))
    assert "<h1>&lt;b&gt;</h1>" in letter.html and "<!doctype" in letter.html and "Attic<br>" in letter.html
    assert letter.text == "Hello <b>\n"
    whole = compose("order_confirmed", "en", evil, own(html="\n<!DOCTYPE html><html><body>{{ number }}</body></html>"))
    assert whole.html == "<!DOCTYPE html><html><body>&lt;b&gt;</body></html>\n"


@pytest.mark.parametrize(
    ("source", "why", "line"),
    [
        ("{{ nobody }}", "'nobody' is undefined", 1),
        ("one\ntwo {{ address.shoe_size }}", "no attribute 'shoe_size'", 2),
        ("\n\n{% if %}", "Expected an expression", 3),
        ("{{ 'a' * 1000000000 }}", "mul is not part of the language", 1),
        ("{{ 9 ** 9 ** 9 ** 9 }}", "pow is not part", 1),
        ("{% set a = 'x' %}", "assign is not part", 1),
        ("{{ 'a' ~ 'b' }}", "concat is not part", 1),
        ("{% for a in range(100000) %}{% endfor %}", "a loop goes over a fact", 1),
        ("{% for a in 'xxxxxxxxxxxxxxxxx' %}{% endfor %}", "a loop goes over a fact", 1),
        ("{% for a in lines %}{% for b in lines %}{% for c in lines %}{% endfor %}{% endfor %}{% endfor %}",
         "more than 2 loops", 1),
        ("{% for a in lines recursive %}{{ loop(lines) }}{% endfor %}", "a loop goes over a fact", 1),
        ("{{ ''.__class__.__mro__ }}", "has no attribute '__class__'", 1),
        ("{{ number['__class__'] }}", "has no attribute '__class__'", 1),
        ("{{ lines.append(1) }}", "can be called", 1),
        ("{{ address.items }}", "has no attribute 'items'", 1),
        ("{{ cycler('a') }}", "can be called", 1),
        ("{{ basket(*lines) }}", "stars are not", 1),
        ("{{ basket.__globals__ }}", "has no attribute", 1),
        ("{{ number | attr('x') }}", "no filter 'attr'", 1),
        ("{{ number | replace('', number) }}", "no filter 'replace'", 1),
        ("{{ number | upper | lower | upper | lower }}", "more than three filters", 1),
        ("{{ lines | join(number) }}", "join takes a text", 1),
        ("{{ number is divisibleby(0) }}", "no test", 1),
        ("{% include '_layout.j2' %}", "include is not part", 1),
        ("{% import '_html.j2' as x %}", "import is not part", 1),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macro is not part", 1),
        ("{% trans %}a{% endtrans %}", "unknown tag 'trans'", 1),
        ("{% for a in number %}{% endfor %}", "goes over a list", 1),
        ("{{ number | join('xx') }}", "join takes a list", 1),
        ("{% if '" + "a" * 19_000 + "'" + " | join('xxxxxxxxxxxxxxxxxxxx')" * 3 + " %}{% endif %}", "takes a list", 1),
        ("{% for a in lines %}{% if basket() %}{% endif %}{% endfor %}", "stands alone", 1),
        ("{{ number | money | day }}", "Invalid", None),
        ("{{ lines | day }}", "", None),
        ("{{ shipping_method | money }}", "", None),
        ("{{ number" + " | upper" * 3 + " }}" + "x" * 20_000, "longer than", None),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "", None),
        ("{{ " + "not " * 3000 + "1 }}", "", None),
        ("{% if due %}" * 150 + "x" + "{% endif %}" * 150, "", None),
        ("{{ " + "9" * 5000 + " }}", "", None),
        ("{{ goods(number) }}", "", None),
        ("a\x00b", "a character that no mail carries", None),
        ("a\ud800b", "a character that no mail carries", None),
    ],
)  # fmt: skip
@pytest.mark.timeout(120)  # with what is set up before
def test_what_cannot_be_said(source: str, why: str, line: int | None) -> None:
    """Given a source that says more than facts, or would never end, then it is refused, with why and where."""
    for part in ({"text": source}, {"html": source}, {"subject": source}):
        with pytest.raises(Unusable) as refused:
            made(own(**part))
        assert why in refused.value.why
        assert refused.value.part in part
        if line is not None:
            assert refused.value.line == line


def test_loops_end_however_much_there_is_to_go_over() -> None:
    """Given a source that is quick with two lines, and an order of hundreds, then no letter waits for it for long."""
    source = own(text="{% for a in lines %}{% for b in lines %}" + "{% if b.amount | money %}{% endif %}" * 400
                 + "{% endfor %}{% endfor %}")  # fmt: skip
    assert made(source)
    with pytest.raises(Unusable, match="too long"):
        compose("order_confirmed", "en", {**ORDER, "lines": list(ORDER["lines"]) * 200}, source)


WORDS = st.sampled_from(
    [
        "{{", "}}", "{%", "%}", "{#", "#}", " number ", " lines ", " address", ".city", "[0]", "['sku']", " | money",
        " | day", " | moment", " | join(', ')", " | default('')", " for each in lines ", " endfor ", " if due ",
        " else ", " endif ", " is defined ", " basket()", " goods(lines)", " loop.index ", "\n", "\x00", "\ud800",
        " secret(9)", "ውድ", "<b>", "'", " ~ ", " * 99 ", " set x = 1 ", " raw ", " endraw ", " not ", " in ", " (",
        ") ", "{{ number }}", "{{ due | money }}", "{% for each in lines %}{{ each.name }}{% endfor %}",
        "{% if due %}x{% endif %}",
    ]
)  # fmt: skip


@given(st.lists(WORDS, max_size=12).map("".join))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_shop_writes_is_a_letter_or_is_refused(source: str) -> None:
    """Given anything at all, then it is said, or it is refused with the part that is wrong; nothing else happens."""
    for part in ({"text": source}, {"html": source}, {"subject": source}):
        try:
            letter = made(own(**part))
        except Unusable as refused:
            assert refused.part in part and refused.why
        else:
            assert letter.subject and "\n" not in letter.subject


def test_a_letter_has_a_subject() -> None:
    """Given a subject that says nothing, then it is refused."""
    with pytest.raises(Unusable, match="subject: it is empty"):
        made(own(subject=" {% if 0 %}x{% endif %}\n"))


def test_what_may_be_used() -> None:
    """Given a template, then the names of its facts are known, those of an order with them."""
    assert set(ORDER) < set(facts_of("shipped"))
    assert {"carrier", "tracking", "items", "all"} < set(facts_of("shipped"))

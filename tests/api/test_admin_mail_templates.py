"""Letters in the shop's own words: tried before they are kept, looked at before they are sent, and taken back."""

import asyncio
from typing import Any

import pytest

from models.database import Database
from models.roles import Role
from models.wording import own
from models.wording.composing import TEMPLATES
from models.wording.languages import LANGUAGES
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, state

LIST = f"{ADMIN}/mail-templates"
SHIPPED = f"{LIST}/shipped/de"
WORDS = {"subject": "Unterwegs: {{ number }}", "text": "{{ greeting() }}\n\n{{ carrier }} kommt.\n\n{{ goods(items) }}"}


async def put(api: Api, staff: dict[str, str], place: str = SHIPPED, **words: Any) -> dict[str, Any]:
    """Words that can be used."""
    answer = await api.client.put(place, json={**WORDS, **words}, headers=staff)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def look(api: Api, staff: dict[str, str], place: str = SHIPPED, **at: Any) -> dict[str, str]:
    """What a letter looks like."""
    answer = await api.post(f"{place}/preview", json=at, headers=staff)
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


async def test_every_letter_in_every_language_is_listed_and_shown(api: Api) -> None:
    """Given no words of the shop's own, then each letter has the built-in ones, facts to use, and a look."""
    staff = await api.sign_in(Role.SUPPORT)
    listed = (await api.get(LIST, headers=staff)).json()
    assert [(each["template"], each["language"]) for each in listed["items"]] == [
        (name, language) for name in TEMPLATES for language in LANGUAGES
    ]  # fmt: skip
    assert listed["total"] == len(TEMPLATES) * len(LANGUAGES)
    assert {(each["active"], each["versions"], each["changed_at"]) for each in listed["items"]} == {(None, 0, None)}
    for each in listed["items"]:
        place = f"{LIST}/{each['template']}/{each['language']}"
        shown = (await api.get(place, headers=staff)).json()
        assert shown["source"] == shown["built_in"] and shown["versions"] == []
        assert "number" in shown["facts"]
        seen = await look(api, staff, place)
        assert seen["subject"] and seen["text"] and "<html" in seen["html"], each
        # Whoever begins with the built-in source begins with the same letter.
        source = shown["source"]
        assert await look(api, staff, place, subject=source["subject"], text=source["text"]) == seen, each


async def test_own_words_are_versions_and_the_way_back_is_short(api: Api, database: Database) -> None:
    """Given words put twice, then each is a version, the newest in force; an earlier one, or none, can be so again."""
    staff = await api.sign_in(Role.ADMIN)
    built_in = await look(api, staff)
    first = await put(api, staff, reason="warmer")
    assert (first["active"], first["source"]["subject"], first["source"]["html"]) == (1, WORDS["subject"], None)
    second = await put(api, staff, subject="Auf dem Weg: {{ number }}", html="<p>{{ carrier }}</p>")
    again = await put(api, staff, subject="Auf dem Weg: {{ number }}", html="<p>{{ carrier }}</p>")
    assert (second["active"], again["active"], len(again["versions"])) == (2, 2, 2)
    assert [(each["version"], each["active"], each["reason"]) for each in again["versions"]] == [
        (2, True, None), (1, False, "warmer"),
    ]  # fmt: skip
    assert again["versions"][0]["author"]["email"].endswith("@example.com")
    assert (await look(api, staff))["subject"] == "Auf dem Weg: HF-7KQ2M-4XWPD"
    assert (await look(api, staff, version=1))["subject"] == "Unterwegs: HF-7KQ2M-4XWPD"
    one = (await api.get(f"{SHIPPED}/versions/1", headers=staff)).json()
    assert (one["version"], one["active"], one["source"]["text"]) == (1, False, WORDS["text"])

    keyed = {**staff, "Idempotency-Key": "k-1"}
    back = await asyncio.gather(
        *(api.post(f"{SHIPPED}/versions/1/activate", json={"reason": "too cold"}, headers=keyed) for _ in range(3))
    )
    assert [each.status_code for each in back] == [200] * 3, back[0].text
    assert {each.json()["active"] for each in back} == {True}
    assert (await look(api, staff))["subject"] == "Unterwegs: HF-7KQ2M-4XWPD"
    [card] = [each for each in (await api.get(LIST, headers=staff)).json()["items"] if each["versions"]]
    assert (card["template"], card["language"], card["active"], card["versions"]) == ("shipped", "de", 1, 2)

    for _ in range(2):
        assert (await api.delete(SHIPPED, headers=staff)).status_code == 204
    assert await look(api, staff) == built_in
    assert (await api.get(SHIPPED, headers=staff)).json()["active"] is None
    assert [(action, subject, before, after, why) for action, subject, before, after, why in await log(database)] == [
        ("mail_template.put", "shipped/de", {"version": None}, {"version": 1}, "warmer"),
        ("mail_template.put", "shipped/de", {"version": 1}, {"version": 2}, None),
        ("mail_template.activate", "shipped/de", {"version": 2}, {"version": 1}, "too cold"),
        ("mail_template.rest", "shipped/de", {"version": 1}, {"version": None}, None),
    ]  # fmt: skip


async def test_who_writes_at_once_leaves_a_version_each(api: Api, database: Database) -> None:
    """Given six versions put at the same moment, then there are six, and one of them is in force."""
    staff = await api.sign_in(Role.ADMIN)
    await asyncio.gather(*(put(api, staff, subject=f"Number {n}") for n in range(6)))
    shown = (await api.get(SHIPPED, headers=staff)).json()
    assert sorted(each["version"] for each in shown["versions"]) == [1, 2, 3, 4, 5, 6]
    assert [each["active"] for each in shown["versions"]].count(True) == 1


UNUSABLE = [
    ("unknown fact", {"text": "Hello\n{{ nobody }}"}, "text", 2),
    ("fact of another letter", {"subject": "{{ refund }}"}, "subject", 1),
    ("unknown name of a fact", {"text": "{{ address.iban }}"}, "text", 1),
    ("syntax", {"text": "a\n\n{% if carrier %}"}, "text", 3),
    ("unknown filter", {"text": "{{ carrier | shout }}"}, "text", 1),
    ("python", {"text": "{{ carrier.__class__.__mro__ }}"}, "text", 1),
    ("python by a filter", {"text": "{{ carrier | attr('__class__') }}"}, "text", 1),
    ("python by brackets", {"text": "{{ items['__class__'] }}"}, "text", 1),
    ("calls", {"text": "{{ carrier.upper() }}"}, "text", 1),
    ("globals", {"text": "{{ cycler.__init__.__globals__ }}"}, "text", 1),
    ("endless", {"text": "{% for a in range(999999999) %}x{% endfor %}"}, "text", 1),
    ("loops in loops", {"text": "{% for a in lines %}" * 3 + "{% endfor %}" * 3}, "text", 1),
    ("growth", {"text": "{{ carrier * 999999999 }}"}, "text", 1),
    ("power", {"text": "{{ 9 ** 999999999 }}"}, "text", 1),
    ("padding", {"text": "{{ '%999999999d' % 1 }}"}, "text", 1),
    ("doubling", {"text": "{% set x = carrier ~ carrier %}{{ x }}"}, "text", 1),
    ("recursion", {"text": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"}, "text", 1),
    ("files", {"text": "{% include '/etc/passwd' %}"}, "text", 1),
    ("html", {"html": "<p>\n{{ nobody }}</p>"}, "html", 2),
]


@pytest.mark.parametrize(("words", "part", "line"), [each[1:] for each in UNUSABLE], ids=[each[0] for each in UNUSABLE])
async def test_what_no_letter_can_be_made_of_is_refused(
    api: Api, database: Database, words: dict[str, str], part: str, line: int
) -> None:
    """Given a source that would fail, not end or get out, then it says where, is not kept, and is not shown either."""
    staff = await api.sign_in(Role.ADMIN)
    before = await state(database, "mail_templates")
    for method, place, body in (
        ("PUT", SHIPPED, {**WORDS, **words}),
        ("POST", f"{SHIPPED}/preview", {**WORDS, **words}),
    ):
        answer = await api.client.request(method, place, json=body, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (422, "mail_template_unusable"), answer.text
        assert (answer.json()["facts"]["part"], answer.json()["facts"]["line"]) == (part, line), answer.text
    assert await state(database, "mail_templates") == before


async def test_a_letter_keeps_what_it_is_sent_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given words that leave out what a letter is sent for, as a code, then they are refused; with it they are not."""
    monkeypatch.setattr(own, "NEEDED", {"shipped": "tracking"})
    staff = await api.sign_in(Role.ADMIN)
    answer = await api.client.put(SHIPPED, json={"subject": "Code", "text": "You know it."}, headers=staff)
    assert answer.json()["code"] == "mail_template_unusable"
    assert "tracking" in answer.json()["facts"]["why"]
    only_text = {"text": "It is {{ tracking }}.", "html": "<p>See the text.</p>"}
    answer = await api.client.put(SHIPPED, json={"subject": "Code", **only_text}, headers=staff)
    assert answer.json()["facts"]["part"] == "html"
    assert (await put(api, staff, subject="Code", text="It is {{ tracking }}."))["active"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {}, {"subject": "x"}, {"subject": "x\ny", "text": "x"}, {"subject": "x", "text": "a\x00b"},
        {"subject": "x", "text": "x" * 20_001}, {"subject": "x" * 501, "text": "x"}, {"subject": 1, "text": "x"},
        {"subject": "x", "text": "x", "version": 1},
    ],
)  # fmt: skip
async def test_what_is_no_source_is_refused(api: Api, body: dict[str, Any]) -> None:
    """Given a body that is none, then it is named, field by field."""
    answer = await api.client.put(SHIPPED, json=body, headers=await api.sign_in(Role.ADMIN))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "body",
    [{"subject": "x"}, {"text": "x"}, {"html": "x"}, {"subject": "x", "text": "x", "version": 1}, {"sample": -1}],
)
async def test_what_cannot_be_shown_is_refused(api: Api, body: dict[str, Any]) -> None:
    """Given half a source, or two things at once, then it is named."""
    answer = await api.post(f"{SHIPPED}/preview", json=body, headers=await api.sign_in(Role.SUPPORT))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing/de"), ("GET", "/shipped/xx"), ("PUT", "/_layout/de"), ("DELETE", "/nothing/de"),
     ("GET", "/shipped/de/versions/7"), ("POST", "/shipped/de/versions/7/activate"), ("POST", "/nothing/de/preview")],
)  # fmt: skip
async def test_what_is_not_there_is_said_so(api: Api, method: str, path: str) -> None:
    """Given a letter, language or version that there is not, then it is 404."""
    body = WORDS if method == "PUT" else {} if method == "POST" else None
    answer = await api.client.request(method, LIST + path, json=body, headers=await api.sign_in(Role.ADMIN))
    assert (answer.status_code, answer.json()["code"]) == (404, "mail_template_not_found")


@pytest.mark.parametrize(
    "text", ["😀 {{ carrier }}", "ሰላም {{ carrier }}", "a\r\nb\t{{ carrier }}", "{# nothing #}.", "<b>"]
)
async def test_words_in_any_script_are_kept_as_written(api: Api, text: str) -> None:
    """Given words beyond ASCII, with line breaks or markup, then they are kept as they are."""
    staff = await api.sign_in(Role.ADMIN)
    assert (await put(api, staff, text=text))["source"]["text"] == text
    assert (await look(api, staff))["subject"] == "Unterwegs: HF-7KQ2M-4XWPD"

"""The mail sink: takes mails as a provider would, shows them, and misbehaves on request."""

import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage

import httpx
import pytest

from dev.stack import Stack, embedded


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A mail sink of our own."""
    with embedded({"mail"}) as running:
        yield running


@pytest.fixture
def sink(stack: Stack) -> Iterator[httpx.Client]:
    """Its HTTP side, empty and in good weather."""
    with httpx.Client(base_url=stack.urls["mails"], timeout=60) as client:
        client.delete("/messages")
        client.post("/_sim/faults", json={"mode": "ok"})
        yield client


def send(stack: Stack, to: str = "ada@holdfast.example", subject: str = "Order Zürich <b>1</b>") -> None:
    """One mail with a text, an HTML and an attached part."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@holdfast.example", to, subject
    message["Message-ID"] = "<1@holdfast.example>"
    message.set_content("Thank you, Zoë.")
    message.add_alternative("<p>Thank you, <b>Zoë</b>.</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="invoice.pdf")
    with smtplib.SMTP("127.0.0.1", stack.site.ports.smtp) as smtp:
        smtp.send_message(message)


def test_a_mail_is_kept_and_taken_apart(stack: Stack, sink: httpx.Client) -> None:
    """Given a mail, then list, parts and original can be read back."""
    send(stack)

    (listed,) = sink.get("/messages").json()["items"]
    assert (listed["from"], listed["to"]) == ("shop@holdfast.example", ["ada@holdfast.example"])
    assert (listed["subject"], listed["message_id"]) == ("Order Zürich <b>1</b>", "<1@holdfast.example>")
    mail = sink.get(f"/messages/{listed['id']}").json()
    assert mail["text"].strip() == "Thank you, Zoë."
    assert "<b>Zoë</b>" in mail["html"]
    assert mail["attachments"] == [{"name": "invoice.pdf", "type": "application/pdf", "size": 4}]
    original = sink.get(f"/messages/{listed['id']}/eml")
    assert original.headers["content-type"] == "message/rfc822"
    assert b"Message-ID: <1@holdfast.example>" in original.content


def test_mails_are_found_by_address(stack: Stack, sink: httpx.Client) -> None:
    """Given mails to two people, then each finds their own, in whatever case."""
    send(stack, to="ada@holdfast.example", subject="for Ada")
    send(stack, to="bob@holdfast.example", subject="for Bob")
    found = sink.get("/messages", params={"to": "Bob@holdfast.example"}).json()["items"]
    assert [mail["subject"] for mail in found] == ["for Bob"]


def test_mails_survive_the_sink(stack: Stack, sink: httpx.Client) -> None:
    """Given a mail, when the sink is killed and started, then the mail is there."""
    send(stack, subject="Kept")
    stack.kill("mail")
    stack.start("mail")
    assert [mail["subject"] for mail in httpx.get(f"{stack.urls['mails']}/messages", timeout=60).json()["items"]] == [
        "Kept"
    ]


def test_refusing_weather(stack: Stack, sink: httpx.Client) -> None:
    """Given a sink told to refuse, then the sender hears 451, nothing is kept, and later it goes through."""
    assert sink.post("/_sim/faults", json={"mode": "refuse"}).json() == {
        "mode": "refuse", "seconds": 0.0, "at": "data", "code": 451, "kept": False,
    }  # fmt: skip
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(stack)
    assert refused.value.smtp_code == 451
    assert sink.get("/messages").json()["items"] == []
    sink.post("/_sim/faults", json={"mode": "ok"})
    send(stack)
    assert len(sink.get("/messages").json()["items"]) == 1


@pytest.mark.parametrize("at", ["connect", "mail", "rcpt", "data"])
def test_weather_has_its_place(stack: Stack, sink: httpx.Client, at: str) -> None:
    """Given a sink told to refuse or hang up somewhere, then the sender hears it there, and nothing is kept."""
    sink.post("/_sim/faults", json={"mode": "refuse", "at": at, "code": 554})
    with pytest.raises(smtplib.SMTPException) as refused:
        send(stack)
    assert "554" in str(refused.value)
    sink.post("/_sim/faults", json={"mode": "drop", "at": at})
    with pytest.raises((smtplib.SMTPException, ConnectionError)):
        send(stack)
    assert sink.get("/messages").json()["items"] == []


def test_a_sink_that_hangs_up_may_have_kept_the_mail(stack: Stack, sink: httpx.Client) -> None:
    """Given a sink told to keep what it is sent and to hang up instead of saying so, then it does both."""
    sink.post("/_sim/faults", json={"mode": "drop", "kept": True})
    with pytest.raises((smtplib.SMTPException, ConnectionError)):
        send(stack)
    deadline = time.monotonic() + 30
    while not (found := sink.get("/messages").json()["items"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(found) == 1


def test_slow_weather(stack: Stack, sink: httpx.Client) -> None:
    """Given a sink told to be slow, then it takes the mail, and takes its time."""
    sink.post("/_sim/faults", json={"mode": "slow", "seconds": 0.3})
    began = time.monotonic()
    send(stack)
    assert time.monotonic() - began >= 0.3
    assert len(sink.get("/messages").json()["items"]) == 1


@pytest.mark.parametrize(
    "order",
    [
        b"{",
        b'{"mode": "storm"}',
        b'{"at": "noon"}',
        b'{"code": 250}',
        b'{"mode": "slow", "seconds": -1}',
        b"[]",
        b'"x"',
    ],
)
def test_senseless_weather_is_refused(sink: httpx.Client, order: bytes) -> None:
    """Given an order it does not know, then it answers 400 and stays as it is."""
    assert sink.post("/_sim/faults", content=order).status_code == 400
    assert sink.get("/_sim/faults").json()["mode"] == "ok"


def test_the_page_shows_mails_as_text(stack: Stack, sink: httpx.Client) -> None:
    """Given a subject with markup, then the page shows it escaped, and allows no scripts."""
    send(stack)
    page = sink.get("/")
    assert "Order Zürich &lt;b&gt;1&lt;/b&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/messages/1", "/messages/..%2F..%2Fsecrets", "/messages/../secrets/eml", "/nowhere"])
def test_what_is_not_there_is_not_found(sink: httpx.Client, path: str) -> None:
    """Given an id or path of nothing, then 404, and no file outside the folder."""
    assert sink.get(path).status_code == 404

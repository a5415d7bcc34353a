"""How a message leaves the house: never into the house again, and to the very address that was looked at."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from activities.outgoing.post import LONGEST_ERROR, Post
from models.outgoing import Answer
from tests import receiver as receivers
from tests.activities.certificate import CERTIFICATE, KEY
from tests.receiver import Receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Listens, and answers well."""
    async with receivers.listening() as opened:
        yield opened


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names that are known to nobody else: where each leads, the next time that somebody asks."""
    known: dict[str, list[list[str]]] = {}
    usual = socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **other: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in known:
            return usual(host, port, *more, **other)
        found = known[name].pop(0)
        return [found for each in found for found in usual(each, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


async def send(url: str, private: bool = False, post: Post | None = None) -> Answer:
    """One message."""
    sender = post or Post(private, timeout=20)
    async with sender.open() as client:
        return await sender.send(client, url, {"webhook-id": "1"}, b"{}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0"])
async def test_nothing_is_sent_into_the_house(receiver: Receiver, host: str) -> None:
    """Given any way to write this machine's address, then nothing is sent, whatever listens there."""
    answer = await send(receiver.url.replace("127.0.0.1", host))
    assert answer.status is None and answer.error is not None
    assert receiver.got == []


async def test_a_name_that_leads_inside_is_refused(receiver: Receiver, names: dict[str, list[list[str]]]) -> None:
    """Given a name of which one address is inside, then nothing is sent to any of them."""
    names["shop.test"] = [["8.8.8.8", "127.0.0.1"]]
    assert (await send(receiver.url.replace("127.0.0.1", "shop.test"))).error == (
        "leads into a private network: 127.0.0.1"
    )
    assert receiver.got == []


async def test_a_name_is_asked_once(receiver: Receiver, names: dict[str, list[list[str]]]) -> None:
    """Given a name that leads elsewhere the second time, then nobody asks twice: it goes where was looked."""
    names["shop.test"] = [["127.0.0.1"], ["127.0.0.99"]]
    url = receiver.url.replace("127.0.0.1", "shop.test")
    assert await send(url, private=True) == Answer(200, None, "thank you")
    [got] = receiver.got
    assert got.headers["host"] == url.split("/")[2] and got.headers["user-agent"] == "Holdfast-Webhooks/1"
    assert names["shop.test"] == [["127.0.0.99"]]


async def test_an_address_that_does_not_answer_is_passed_over(
    receiver: Receiver, names: dict[str, list[list[str]]]
) -> None:
    """Given a name of two machines, of which one is down, then the other gets it."""
    names["shop.test"] = [["127.0.0.2", "127.0.0.1"]]
    assert (await send(receiver.url.replace("127.0.0.1", "shop.test"), private=True)).error is None
    assert len(receiver.got) == 1


async def test_no_proxy_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a proxy in the environment, then nothing of a message goes there."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await send(receiver.url, private=True)).error is None


@pytest.mark.parametrize(
    ("mood", "status", "error"),
    [("200", 200, None), ("202", 202, None), ("204", 204, None), ("404", 404, "answered 404: not taken"),
     ("500", 500, "answered 500: not taken"), ("redirect", 302, "answered 302: redirects are not followed"),
     ("304", 304, "answered 304: redirects are not followed"), ("endless", 200, None)],
)  # fmt: skip
async def test_what_an_answer_means(receiver: Receiver, mood: str, status: int, error: str | None) -> None:
    """Given an answer, then 2xx alone means that it was taken, however it goes on."""
    receiver.mood = lambda _: mood
    answer = await send(receiver.url, private=True)
    assert (answer.status, answer.error) == (status, error)


async def test_no_answer_is_one_too(receiver: Receiver) -> None:
    """Given nobody there, or somebody who hangs up or says nothing, then that is what came of it."""
    receiver.mood = lambda _: "cut"
    assert (await send(receiver.url, private=True)).error == (
        "RemoteProtocolError: Server disconnected without sending a response."
    )
    receiver.mood = lambda _: "hang"
    assert await send(receiver.url, post=Post(True, timeout=0.3)) == Answer(None, "no answer within 0.3 seconds", None)
    await receiver.down()
    assert (await send(receiver.url, private=True)).error == "ConnectError: All connection attempts failed"


@pytest.mark.parametrize("said", [b"Ada Lovelace " * 4000, b"HTTP/1.1 200 OK\r\nAda Lovelace: 1\r\n\r\n"])
async def test_what_is_no_answer_is_not_kept(said: bytes) -> None:
    """Given bytes that are no HTTP, perhaps those that we sent, then that is told, and not what they say."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(said + b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        answer = await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", private=True)
    assert answer.status is None and answer.error is not None
    assert answer.error.startswith("RemoteProtocolError: illegal") and "Ada" not in answer.error
    assert len(answer.error) <= LONGEST_ERROR


async def test_names_that_nobody_answers_for_hold_up_no_other_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given names that are looked up without end, then who else needs a thread, as all connections do, has one."""
    answered = threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        answered.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    post = Post(False, timeout=0.2)
    try:
        answers = await asyncio.gather(*(send("https://slow.test/", post=post) for _ in range(40)))
        assert {each.error for each in answers} == {"no answer within 0.2 seconds"}
        assert await asyncio.wait_for(asyncio.to_thread(int, "7"), 30) == 7
    finally:
        answered.set()


async def test_a_certificate_is_that_of_the_name(names: dict[str, list[list[str]]], tmp_path: Any) -> None:
    """Given a receiver with TLS, then it hears the name that was meant, and one that is not that name gets nothing."""
    (tmp_path / "cert.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(KEY)
    heard: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    context.sni_callback = lambda _, name, __: heard.append(name)
    receiver = Receiver()
    server = await asyncio.start_server(receiver._serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    names["shop.test"] = names["other.test"] = [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"]]
    trusting = Post(True, timeout=20)
    trusting._tls.load_verify_locations(tmp_path / "cert.pem")

    assert await send(f"https://shop.test:{port}/hook", post=trusting) == Answer(200, None, "thank you")
    assert heard == ["shop.test"] and receiver.got[0].headers["host"] == f"shop.test:{port}"
    refused = await send(f"https://other.test:{port}/hook", post=trusting)
    assert refused.error is not None and "Hostname mismatch" in refused.error
    stranger = await send(f"https://shop.test:{port}/hook", private=True)
    assert stranger.error is not None and "self-signed certificate" in stranger.error
    assert len(receiver.got) == 1
    server.close()

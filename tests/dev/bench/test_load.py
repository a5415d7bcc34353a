"""The load generator against servers that answer well, badly, in pieces and not at all."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from dev.bench.load import Plan, Tally, drive, request
from dev.stack import ROOT

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
REFUSED = b"HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\n\r\ngone"
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server:
    """Answers each request with what `choose` makes of its first line, and remembers them."""

    def __init__(self, choose: Callable[[str], list[bytes]]) -> None:
        self.choose = choose
        self.seen: list[str] = []
        self.connections: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).decode().strip():
            await reader.readuntil(b"\r\n\r\n")
            self.seen.append(line)
            for piece in self.choose(line):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if not self.choose(line):
                break
        writer.close()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.create_task(self.serve(reader, writer)))


@asynccontextmanager
async def answering(choose: Callable[[str], list[bytes]]) -> AsyncIterator[tuple[Server, int]]:
    """A server on a free port, and the port."""
    server = Server(choose)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    try:
        yield server, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.gather(*server.connections)


def gets(*paths: str) -> list[bytes]:
    """A GET of each."""
    return [request("GET", path) for path in paths]


async def test_each_request_is_sent_once_without_a_time_limit() -> None:
    """Given seven requests for three connections, then each arrives once and all answers are counted."""
    paths = [f"/{number}" for number in range(7)]
    async with answering(lambda line: [OK]) as (server, port):
        tally = await drive(Plan(port, gets(*paths), 3))
    assert sorted(server.seen) == [f"GET {path} HTTP/1.1" for path in paths]
    assert (tally.statuses, tally.good, tally.answers, len(tally.latencies)) == ({200: 7}, 7, 7, 7)
    assert len(server.connections) == 3


async def test_requests_are_repeated_until_the_time_is_up() -> None:
    """Given a time limit, then one request is sent over and over, and the warm-up is not counted."""
    async with answering(lambda line: [OK]) as (server, port):
        tally = await drive(Plan(port, gets("/"), 2, seconds=0.2, warm_up=0.1))
    assert 0.2 <= tally.seconds < 20
    assert 0 < tally.good < tally.answers == len(server.seen)
    assert tally.rate == tally.good / tally.seconds


async def test_an_answer_in_pieces_is_one_answer() -> None:
    """Given an answer that arrives head first and then byte by byte, then it counts once."""
    pieces = [OK[:20], OK[20:41], *(OK[at : at + 1] for at in range(41, len(OK)))]
    async with answering(lambda line: pieces) as (_, port):
        tally = await drive(Plan(port, gets("/a", "/b"), 1))
    assert tally.statuses == {200: 2}


async def test_answers_without_a_body_count() -> None:
    """Given a 204 without Content-Length, then it is complete with its head."""
    async with answering(lambda line: [NOTHING]) as (_, port):
        assert (await drive(Plan(port, gets("/a", "/b"), 1))).statuses == {204: 2}


async def test_refusals_are_counted_apart_and_quoted() -> None:
    """Given one refusal among good answers, then it has no latency, is not good, and its words are kept."""
    async with answering(lambda line: [REFUSED if "bad" in line else OK]) as (_, port):
        tally = await drive(Plan(port, gets("/", "/bad", "/"), 1))
    assert (tally.statuses, tally.good, len(tally.latencies)) == ({200: 2, 409: 1}, 2, 2)
    assert tally.complaints == [REFUSED.decode()]


async def test_a_connection_that_breaks_is_told() -> None:
    """Given a server that hangs up unanswered, then the run ends and says so, and nothing is counted as good."""
    async with answering(lambda line: []) as (_, port):
        tally = await drive(Plan(port, gets("/", "/"), 1))
    assert (tally.statuses, tally.good) == ({0: 1}, 0)
    assert tally.complaints == ["connection lost: closed by the server"]


@pytest.mark.parametrize(("share", "seconds"), [(0.0, 0.1), (0.5, 0.3), (0.95, 0.5), (1.0, 0.5)])
def test_percentiles_are_answers_that_happened(share: float, seconds: float) -> None:
    """Given five latencies in any order, then a percentile is one of them."""
    tally = Tally(1.0, 0.0, {200: 5}, [0.5, 0.1, 0.4, 0.2, 0.3], 0.0, 5)
    assert tally.percentile(share) == seconds


def test_a_body_is_sent_as_json_with_its_length() -> None:
    """Given a body and a header, then the bytes on the wire are a whole HTTP/1.1 request."""
    assert request("POST", "/x", {"Cart-Token": "t"}, {"a": 1}) == (
        b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nCart-Token: t\r\nContent-Type: application/json\r\n"
        b'Content-Length: 7\r\n\r\n{"a":1}'
    )


def test_a_long_tally_is_printed_whole() -> None:
    """Given unbuffered output, where one write to a pipe may end half-way, then a megabyte of tally arrives."""
    code = "from dev.bench.load import *; print_tally(Tally(1.0, 0.0, {200: 1}, [1 / 3] * 60_000, 0.0, 1))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        capture_output=True,
        check=True,
    )
    assert len(msgspec.json.decode(done.stdout, type=Tally).latencies) == 60_000

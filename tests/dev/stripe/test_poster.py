"""The webhook sender against receivers of every manner: keeping, closing, chunking, hanging up, silent."""

import asyncio
import contextlib

import pytest

from dev.stripe.poster import Poster

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
CHUNKED = b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
HALF = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"HTTP/1.1 204 Nothing\r\n\r\n"


async def statuses(answers: list[bytes], timeout: float = 30.0) -> tuple[list[int], int]:
    """What the poster makes of these answers in turn, and how many connections it took."""
    connections: list[asyncio.Task[None]] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.readline():
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(4) == b"body"
                answer = answers.pop(0)
                writer.write(answer)
                if not answer or b"close" in answer:
                    break
            writer.close()
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(receive(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?a=1"
    try:
        async with Poster(timeout) as poster:
            found = [await poster.post(url, b"body", {"X-Test": "1"}) for _ in range(len(answers))]
    finally:
        server.close()
        await asyncio.gather(*connections)
    return found, len(connections)


async def test_a_kept_connection_is_used_again() -> None:
    """Three webhooks, one connection."""
    assert await statuses([PLAIN, EMPTY, PLAIN]) == ([200, 204, 200], 1)


async def test_a_closed_or_chunked_one_is_not() -> None:
    """After a close, or an answer of unknown length, the next webhook takes a fresh connection."""
    assert await statuses([CLOSING, CHUNKED, PLAIN]) == ([503, 201, 200], 3)


async def test_no_answer_is_an_error() -> None:
    """A receiver that hangs up, talks nonsense or stays silent is no delivery."""
    with pytest.raises(EOFError):
        await statuses([b""])
    with pytest.raises((ValueError, IndexError)):
        await statuses([b"nonsense\r\n\r\n"])
    with pytest.raises(TimeoutError):
        await statuses([HALF], timeout=0.05)

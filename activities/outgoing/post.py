"""Hands a message to a receiver outside. Nobody vouches for a receiver: it may be slow, endless, gone, or none at all.

Where its name leads is looked at each time, and the connection goes to the very address that was looked at: a name that
leads outside while it is checked, and inside a moment later, reaches nothing. Certificates are those of the name.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cached_property, partial

import httpx

from models.outgoing import Answer, is_public

TIMEOUT = 10.0
"""Seconds for all of it: to look the name up, to connect, to be answered."""
TO_CONNECT = 3.0
"""Seconds for one address; a name may have several."""
MOST_ADDRESSES = 3
MOST_READ = 64 * 1024
"""Bytes of an answer that are read; only how it begins is kept."""
EXCERPT = 500
"""Characters of it."""
LONGEST_ERROR = 300
"""Characters of what went wrong that are kept: a receiver has a say in it."""
LOOK_UPS = 64
"""Names looked up at a time, each by a thread; one that nobody answers for keeps its thread after we gave up."""
AGENT = "Holdfast-Webhooks/1"


class _Forbidden(Exception):
    """A name that leads where nothing of the shop's may be sent."""


class Post:
    """Needs to know whether receivers in private networks are meant to be reached, as they are while developing."""

    def __init__(self, private: bool, timeout: float = TIMEOUT) -> None:
        self._private = private
        self._timeout = timeout
        self._look_ups = ThreadPoolExecutor(LOOK_UPS, "webhook-names")  # the loop's own are for all other neighbours

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[httpx.AsyncClient]:
        """What sends. It follows nobody elsewhere, asks no proxy, and keeps no connection: by the next time
        a name may lead to another machine, and one machine may serve several names.
        """
        async with httpx.AsyncClient(
            verify=self._tls, trust_env=False, follow_redirects=False, timeout=self._timeout,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        ) as client:  # fmt: skip
            yield client

    async def send(self, client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it once. Only an answer of 2xx means that it was taken; how that answer goes on does not matter."""
        heard = _Heard()
        try:
            async with asyncio.timeout(self._timeout):
                await self._send(client, httpx.URL(url), headers, body, heard)
        except TimeoutError:
            heard.trouble = f"no answer within {self._timeout:g} seconds"
        except _Forbidden as why:
            heard.trouble = str(why)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as away:
            said = str(away).partition(": bytearray(")[0]  # what follows are bytes of an answer that is none
            heard.trouble = f"{type(away).__name__}: {said}"[:LONGEST_ERROR]
        return heard.answer()

    async def _send(
        self, client: httpx.AsyncClient, url: httpx.URL, headers: Mapping[str, str], body: bytes, heard: "_Heard"
    ) -> None:
        host = url.raw_host.decode()
        *others, last = await self._addresses(host, url.port or (443 if url.scheme == "https" else 80))
        for address in (*others, last):
            request = client.build_request(
                "POST", url.copy_with(host=address), content=body, extensions={"sni_hostname": host},
                headers={**headers, "Host": url.netloc.decode(), "Content-Type": "application/json"},
                timeout=httpx.Timeout(self._timeout, connect=TO_CONNECT),
            )  # fmt: skip
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if address is last:
                    raise
                continue
            try:
                heard.status = response.status_code
                await heard.listen(response)
            finally:
                await response.aclose()
            return

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Where a name leads, each address once. Raises: _Forbidden when any of them is not for us."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._look_ups, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        )
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        inside = [each for each in addresses if not is_public(each)]
        if inside and not self._private:
            raise _Forbidden(f"leads into a private network: {inside[0]}")
        return addresses[:MOST_ADDRESSES]


class _Heard:
    """What a receiver has said so far."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.trouble: str | None = None
        self._begins = b""

    async def listen(self, response: httpx.Response) -> None:
        """How its answer begins; the rest is not waited for."""
        async for chunk in response.aiter_raw(4096):
            self._begins += chunk
            if len(self._begins) >= MOST_READ:
                return

    def answer(self) -> Answer:
        """Whether it took the message."""
        text = self._begins[: 4 * EXCERPT].decode(errors="replace")[:EXCERPT]
        excerpt = "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text) or None
        if self.status is None:
            return Answer(None, self.trouble or "no answer", excerpt)
        if 200 <= self.status < 300:
            return Answer(self.status, None, excerpt)
        why = "redirects are not followed" if 300 <= self.status < 400 else "not taken"
        return Answer(self.status, f"answered {self.status}: {why}", excerpt)

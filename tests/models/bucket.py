"""As much of S3's protocol as pictures and uploads need, in memory: objects, uploads in parts, signed requests."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/s3/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}"
).fullmatch
Answer = tuple[int, dict[str, str], bytes]


class Bucket:
    """A server of one bucket. It wants to know who asks, and checks no signature."""

    def __init__(self, name: str, key: str) -> None:
        self.name = name
        self.key = key
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        """Method and path of every request."""
        self.regions: set[str] = set()
        self.away = False
        self.address = ""
        """Host and port."""
        self._parts: dict[str, dict[int, bytes]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split(" ")
                headers = {}
                while header := (await reader.readline()).decode().strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, told, answer = self._answer(method, target, headers, body)
                told = {"content-length": str(len(answer)), **told}
                head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
                writer.write(f"HTTP/1.1 {status} x\r\n{head}\r\n".encode() + (b"" if method == "HEAD" else answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked has gone, or the test is over
        finally:
            writer.close()

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        name, query = unquote(parts.path).lstrip("/"), parse_qs(parts.query, keep_blank_values=True)
        self.asked.append(f"{method} {name}")
        signed = SIGNED(headers.get("authorization", ""))
        if not signed or signed["key"] != self.key or not f"{name}/".startswith(f"{self.name}/"):
            return 403, {}, b"<Error><Code>AccessDenied</Code></Error>"
        self.regions.add(signed["region"])
        if self.away:
            return 503, {}, b"<Error><Code>SlowDown</Code></Error>"
        name = name.removeprefix(f"{self.name}/")
        does: dict[str, Callable[[], Answer]] = {
            "GET": lambda: self._get(name, headers), "HEAD": lambda: self._get(name, headers),
            "PUT": lambda: self._put(name, query, body), "POST": lambda: self._post(name, query, body),
            "DELETE": lambda: self._delete(name, query),
        }  # fmt: skip
        return does[method]()

    def _get(self, name: str, headers: dict[str, str]) -> Answer:
        data = self.objects.get(name)
        if data is None:
            return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
        told = {"etag": _etag(data), "last-modified": "Wed, 21 Oct 2026 07:28:00 GMT"}
        if headers.get("if-none-match") == told["etag"]:
            return 304, told, b""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if asked:
            start, end = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
            return 206, {**told, "content-range": f"bytes {start}-{end}/{len(data)}"}, data[start : end + 1]
        return 200, told, data

    def _put(self, name: str, query: dict[str, list[str]], body: bytes) -> Answer:
        if "uploadId" in query:
            self._parts[query["uploadId"][0]][int(query["partNumber"][0])] = body
        else:
            self.objects[name] = body
        return 200, {"etag": _etag(body)}, b""

    def _post(self, name: str, query: dict[str, list[str]], body: bytes) -> Answer:
        if "delete" in query:
            gone = re.findall(r"<Key>(.+?)</Key>", body.decode())
            for each in gone:
                self.objects.pop(each, None)
            told = "".join(f"<Deleted><Key>{each}</Key></Deleted>" for each in gone)
            return 200, {}, f"<DeleteResult>{told}</DeleteResult>".encode()
        if "uploads" in query:
            upload = f"u{len(self.asked)}"
            self._parts[upload] = {}
            xml = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            return 200, {}, xml.encode()
        parts = self._parts.pop(query["uploadId"][0])
        self.objects[name] = b"".join(parts[number] for number in sorted(parts))
        xml = f"<CompleteMultipartUploadResult><ETag>{_etag(self.objects[name])}</ETag></CompleteMultipartUploadResult>"
        return 200, {}, xml.encode()

    def _delete(self, name: str, query: dict[str, list[str]]) -> Answer:
        if "uploadId" in query:
            self._parts.pop(query["uploadId"][0], None)
        else:
            self.objects.pop(name, None)
        return 204, {}, b""


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'

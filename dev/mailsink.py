"""Stands in for the mail provider: takes every mail by SMTP, delivers none, and shows them over HTTP.

GET /                  a list to look at       GET /messages[?to=address]  the same as JSON
GET /messages/{id}     one mail taken apart    GET /messages/{id}/eml      as it came
DELETE /messages       start afresh            POST /_sim/faults           {"mode": "refuse", "at": "rcpt", "code": 550}

How it behaves: `ok`; `slow` answers after so many `seconds`; `refuse` answers with `code`; `drop` hangs up, and with
`kept` has the mail all the same. `at`: `connect`, `mail`, `rcpt` or `data`, the end of the mail, which is the default.
"""

import argparse
import asyncio
import contextlib
import html
import json
import signal
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from dev.mailbox import Mailbox
from dev.ports import HOST

SIZE_LIMIT = 32 * 1024 * 1024  # bytes a mail may have
MODES = ("ok", "slow", "refuse", "drop")
PLACES = ("connect", "mail", "rcpt", "data")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""A mail is somebody else's HTML: no scripts, nothing from outside."""
STYLE = "body{font:16px system-ui;margin:2em} td,th{padding:.3em 1em;text-align:left;border-bottom:1px solid #ddd}"


class Weather:
    """How the provider behaves today. Raises: ValueError for weather that there is not."""

    def __init__(
        self, mode: str = "ok", seconds: float = 0, at: str = "data", code: int = 451, kept: bool = False
    ) -> None:
        if mode not in MODES or at not in PLACES or not 0 <= float(seconds) <= 3600 or not 400 <= int(code) < 600:
            raise ValueError(f"mode is one of {MODES}, at one of {PLACES}, seconds 0 to 3600, code 400 to 599")
        self.mode, self.seconds, self.at, self.code, self.kept = mode, float(seconds), at, int(code), bool(kept)

    def describe(self) -> dict[str, Any]:
        """As it is set now."""
        return {"mode": self.mode, "seconds": self.seconds, "at": self.at, "code": self.code, "kept": self.kept}

    async def strike(self, at: str, server: SMTP) -> str | None:
        """What the provider answers there instead of what it should; None: nothing is wrong."""
        if at != self.at or self.mode == "ok":
            return None
        if self.mode == "slow":
            await asyncio.sleep(self.seconds)
            return None
        if self.mode == "drop":
            if isinstance(server.transport, asyncio.WriteTransport):
                server.transport.abort()
            return "421 4.3.2 Hung up"
        return f"{self.code} {self.code // 100}.3.0 Told to refuse mail"


class Door:
    """What the SMTP server asks about each mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self.weather = Weather()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Whom it is from."""
        said = await self.weather.strike("mail", server)
        if said is None:
            envelope.mail_from = address
            envelope.mail_options += options
        return said or "250 2.1.0 Sender"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Whom it is for."""
        said = await self.weather.strike("rcpt", server)
        if said is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options += options
        return said or "250 2.1.5 Recipient"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail, late if told so; or refuse it, as a provider with trouble would."""
        weather = self.weather
        said = await weather.strike("data", server)
        if said is not None and not (weather.mode == "drop" and weather.kept):
            return said
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        kept = self._mailbox.keep(envelope.mail_from or "", envelope.rcpt_tos, raw)
        return said or f"250 2.0.0 Kept as {kept}"


class Doorstep(SMTP):
    """The SMTP server, which may have no time for anybody who comes."""

    async def _handle_client(self) -> None:
        said = await self.event_handler.weather.strike("connect", self)
        if said is None:
            await super()._handle_client()
            return
        with contextlib.suppress(ConnectionError):
            await self.push(said)
        if self.transport is not None:
            self.transport.close()


class Reception(Controller):
    """Runs it."""

    def factory(self) -> SMTP:
        return Doorstep(self.handler, **self.SMTP_kwargs)


class Page(BaseHTTPRequestHandler):
    """The HTTP side; `mailbox` and `door` are set by `serve`."""

    mailbox: ClassVar[Mailbox]
    door: ClassVar[Door]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Show."""
        address = urlsplit(self.path)
        match [part for part in address.path.split("/") if part]:
            case []:
                self._answer(_list(self.mailbox.summaries()), kind="text/html; charset=utf-8")
            case ["messages"]:
                to = parse_qs(address.query).get("to", [None])[0]
                self._answer({"items": self.mailbox.summaries(to=to)})
            case ["messages", identity] if (mail := self.mailbox.mail(identity)) is not None:
                self._answer(mail)
            case ["messages", identity, "eml"] if (raw := self.mailbox.raw(identity)) is not None:
                self._answer(raw, kind="message/rfc822")
            case ["messages", identity, "html"] if (mail := self.mailbox.mail(identity)) is not None:
                self._answer(mail["html"] or "", kind="text/html; charset=utf-8")
            case ["_sim", "faults"]:
                self._answer(self.door.weather.describe())
            case _:
                self._answer({"error": "there is nothing here"}, status=HTTPStatus.NOT_FOUND)

    def do_DELETE(self) -> None:
        """Throw away."""
        if urlsplit(self.path).path.rstrip("/") == "/messages":
            self._answer({"deleted": self.mailbox.empty()})
        else:
            self._answer({"error": "only /messages can be deleted"}, status=HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Change the weather."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if urlsplit(self.path).path.rstrip("/") != "/_sim/faults":
            return self._answer({"error": "there is nothing here"}, status=HTTPStatus.NOT_FOUND)
        try:
            self.door.weather = Weather(**json.loads(body or b"{}"))
        except (ValueError, TypeError) as wrong:
            return self._answer({"error": str(wrong)}, status=HTTPStatus.BAD_REQUEST)
        return self._answer(self.door.weather.describe())

    def log_message(self, format: str, *args: object) -> None:
        """Whoever looks at mails is no news."""

    def _answer(self, content: object, *, kind: str = "application/json", status: HTTPStatus = HTTPStatus.OK) -> None:
        body = content if isinstance(content, bytes) else _text(content, kind).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
        )
        self.end_headers()
        self.wfile.write(body)


def serve(folder: Path, port: int, smtp_port: int) -> None:
    """Take mails and show them until told to stop."""
    Page.mailbox = Mailbox(folder)
    Page.door = door = Door(Page.mailbox)
    smtp = Reception(door, hostname=HOST, port=smtp_port, data_size_limit=SIZE_LIMIT, enable_SMTPUTF8=True)
    http = ThreadingHTTPServer((HOST, port), Page)
    http.daemon_threads = True
    smtp.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the loop that this very thread runs.
        signal.signal(number, lambda *_: threading.Thread(target=http.shutdown).start())
    http.serve_forever(poll_interval=0.1)
    http.server_close()
    smtp.stop(no_assert=True)


def _text(content: object, kind: str) -> str:
    return json.dumps(content, ensure_ascii=False) if kind == "application/json" else str(content)


def _list(mails: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{mail['received_at'][:19].replace('T', ' ')}<td>{html.escape(', '.join(mail['to']))}"
        f'<td><a href="/messages/{mail["id"]}/eml">{html.escape(mail["subject"]) or "(no subject)"}</a>'
        f'<td><a href="/messages/{mail["id"]}">json</a> <a href="/messages/{mail["id"]}/html">html</a>'
        for mail in reversed(mails)
    )
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Mails</title><style>{STYLE}</style>"
    table = f"<table><tr><th>Received (UTC)<th>To<th>Subject<th>{rows}</table>"
    return f"{head}<h1>{len(mails)} mails, newest first</h1>{table}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.mailsink", description="Catches every mail and shows it.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True, help="HTTP")
    parser.add_argument("--smtp-port", type=int, required=True)
    options = parser.parse_args()
    serve(options.folder, options.port, options.smtp_port)


if __name__ == "__main__":
    main()

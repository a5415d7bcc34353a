"""Stands in for the mail provider: takes every mail by SMTP, delivers none, and shows them over HTTP.

GET /                  a list to look at       GET /messages[?to=address]  the same as JSON
GET /messages/{id}     one mail taken apart    GET /messages/{id}/eml      as it came
DELETE /messages       start afresh            POST /_sim/faults           {"mode": "ok|slow|refuse", "seconds": 3}
"""

import argparse
import asyncio
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
MODES = ("ok", "slow", "refuse")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""A mail is somebody else's HTML: no scripts, nothing from outside."""
STYLE = "body{font:16px system-ui;margin:2em} td,th{padding:.3em 1em;text-align:left;border-bottom:1px solid #ddd}"


class Weather:
    """How the provider behaves today."""

    mode = "ok"
    seconds = 0.0

    def describe(self) -> dict[str, Any]:
        """As it is set now."""
        return {"mode": self.mode, "seconds": self.seconds}


class Door:
    """What the SMTP server asks about each mail."""

    def __init__(self, mailbox: Mailbox, weather: Weather) -> None:
        self._mailbox = mailbox
        self._weather = weather

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail, late if told so; or refuse it for now, as a provider with trouble would."""
        if self._weather.mode == "refuse":
            return "451 4.3.0 Told to refuse mail for now"
        if self._weather.mode == "slow":
            await asyncio.sleep(self._weather.seconds)
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        return f"250 2.0.0 Kept as {self._mailbox.keep(envelope.mail_from or '', envelope.rcpt_tos, raw)}"


class Page(BaseHTTPRequestHandler):
    """The HTTP side; `mailbox` and `weather` are set by `serve`."""

    mailbox: ClassVar[Mailbox]
    weather: ClassVar[Weather]
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
                self._answer(self.weather.describe())
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
            wanted = json.loads(body or b"{}")
            mode, seconds = wanted.get("mode", "ok"), float(wanted.get("seconds", 0))
        except (ValueError, TypeError, AttributeError):
            mode, seconds = None, 0.0
        if mode not in MODES or not 0 <= seconds <= 3600:
            return self._answer({"error": f"mode is one of {MODES}, seconds 0 to 3600"}, status=HTTPStatus.BAD_REQUEST)
        self.weather.mode, self.weather.seconds = mode, seconds
        return self._answer(self.weather.describe())

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
    Page.mailbox, Page.weather = Mailbox(folder), Weather()
    door = Door(Page.mailbox, Page.weather)
    smtp = Controller(door, hostname=HOST, port=smtp_port, data_size_limit=SIZE_LIMIT, enable_SMTPUTF8=True)
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

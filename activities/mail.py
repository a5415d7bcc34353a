"""Writes letters from templates and hands them to the mail server."""

import re
import time
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import jinja2
import msgspec
import structlog
from temporalio import activity

from models.ids import CreditAccountId, ResetId, UserId
from models.letter import Letter
from models.reset import code
from models.tokens import gift_card_code, unsubscribe_token

log = structlog.get_logger()

TIMEOUT = 10.0
"""Seconds for a mail server to answer each step."""
ENOUGH = 60.0
"""Seconds after which no further letter of a batch is begun; those left over are due again at once."""


class Sending(msgspec.Struct, frozen=True):
    """Letters to hand to the mail server over one connection."""

    letters: tuple[Letter, ...]


class Sent(msgspec.Struct, frozen=True):
    """What became of one letter: `error` None: the server took it; `final`: trying again would not help."""

    letter: UUID
    error: str | None = None
    final: bool = False


class SendingResult(msgspec.Struct, frozen=True):
    """One entry for each letter that was tried."""

    results: tuple[Sent, ...]


def _discreet(letter: Letter, sent: Sent) -> Sent:
    """What a server said of a letter is kept, and may not name who it was for."""
    said = sent.error and re.sub(re.escape(letter.to), "<address>", sent.error, flags=re.IGNORECASE)
    return msgspec.structs.replace(sent, error=said)


class MailActivities:
    """Needs the mail server, the key that codes and links follow from (a letter that waits carries none), and where
    links lead."""

    def __init__(self, smtp_url: str, sender: str, secret_key: bytes, public_url: str) -> None:
        parts = urlsplit(smtp_url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("SMTP_URL must look like smtp://user:password@host:587 or smtps://…")
        self._server = parts
        self._sender = sender
        self._key = secret_key
        self._public_url = public_url
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=False,  # noqa: S701 - these letters are plain text
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
        )

    @activity.defn
    async def send_letters(self, request: Sending) -> SendingResult:
        """Hand letters to the mail server; one that fails does not hold up the others, nor does a slow server all.

        Changes: what is taken is on its way.
        Again: a letter goes out again under the same Message-ID, which mail programs show once.
        Undo: nothing, final.
        """
        results: list[Sent] = []
        until = time.monotonic() + ENOUGH
        try:
            async with self._connection() as server:
                for letter in request.letters:
                    if time.monotonic() > until:
                        break
                    results += [_discreet(letter, await self._send(server, letter))]
        except (aiosmtplib.SMTPException, OSError) as away:
            error = f"{type(away).__name__}: {away}"
            results += [Sent(letter.id, error) for letter in request.letters[len(results) :]]
        return SendingResult(tuple(results))

    def _connection(self) -> aiosmtplib.SMTP:
        server = self._server
        secure = server.scheme == "smtps"
        return aiosmtplib.SMTP(
            hostname=server.hostname,
            port=server.port or (465 if secure else 25),
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=secure,
            timeout=TIMEOUT,
        )

    async def _send(self, server: aiosmtplib.SMTP, letter: Letter) -> Sent:
        try:
            message = self._compose(letter)
        except Exception as broken:  # whatever is wrong with one letter must not hold up the others
            log.error("letter cannot be written", order=letter.order_number, template=letter.template, exc_info=broken)
            return Sent(letter.id, f"cannot be written: {type(broken).__name__}: {broken}")
        try:
            await server.send_message(message)
        except aiosmtplib.SMTPNotSupported as lacking:
            return Sent(letter.id, f"not possible with this mail server: {lacking}", final=True)
        except ValueError as nobody:
            return Sent(letter.id, f"not an address: {nobody}", final=True)
        except aiosmtplib.SMTPSenderRefused as answer:  # of us, not of this letter: people can mend that
            return Sent(letter.id, f"{answer.code} {answer.message}")
        except aiosmtplib.SMTPRecipientsRefused as refused:
            codes = [recipient.code for recipient in refused.recipients]
            return Sent(letter.id, f"refused by the mail server: {codes}", final=min(codes) >= 500)
        except aiosmtplib.SMTPResponseException as answer:
            return Sent(letter.id, f"{answer.code} {answer.message}", final=answer.code >= 500)
        return Sent(letter.id)

    def _compose(self, letter: Letter) -> EmailMessage:
        template = self._templates.get_template(f"{letter.template}.txt")
        text = template.render(number=letter.order_number, **self._secrets_of(letter), **letter.facts)
        subject, _, body = text.partition("\n")
        message = EmailMessage()
        message["Subject"] = subject.removeprefix("Subject: ")
        message["From"] = self._sender
        message["To"] = letter.to
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{letter.id}@{parseaddr(self._sender)[1].partition('@')[2]}>"
        if letter.order_number is not None:
            message["X-Order"] = letter.order_number
        if (owner := letter.facts.get("unsubscribe")) is not None:
            token = unsubscribe_token(self._key, UserId(UUID(str(owner))))
            message["List-Unsubscribe"] = f"<{self._public_url}/api/v1/unsubscribe/{token}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(body.lstrip("\n"))
        return message

    def _secrets_of(self, letter: Letter) -> dict[str, str]:
        """What is derived at the last moment, so that no table and no history has it."""
        secrets: dict[str, str] = {}
        if (reset := letter.facts.get("reset")) is not None:
            secrets["code"] = code(self._key, ResetId(UUID(str(reset))))
        if (card := letter.facts.get("gift_card")) is not None:
            secrets["gift_card_code"] = gift_card_code(self._key, CreditAccountId(UUID(str(card))))
        return secrets

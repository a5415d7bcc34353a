"""Hands letters to the mail server, in their readers' words."""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import msgspec
import structlog
from temporalio import activity

from models.ids import CreditAccountId, ResetId, UserId
from models.letter import Letter
from models.reset import code
from models.tokens import gift_card_code, unsubscribe_token
from models.wording.composing import SHOP
from models.wording.own import Failure, Own, worded

log = structlog.get_logger()

TIMEOUT = 60.0
"""Seconds for a mail server to answer each step but the last."""
TAKING = 300.0
"""Seconds for it to say that it has a letter. Whoever asks again too early sends it twice: RFC 5321 wants patience."""
ENOUGH = 60.0
"""Seconds after which no further letter of a batch is begun; those left over are due again at once."""
ENCODED = "=?"
"""How a word begins that a header's reader decodes, line ends and commas and all (RFC 2047): nobody writes us one."""
ENCODED = "=?"
"""How a word begins that a header's reader decodes, line ends and commas and all (RFC 2047): nobody writes us one."""
BEAT = 5.0
"""Seconds between two signs of life."""
NOBODY = (501, 550, 551, 553, 554)
"""What a server says of an address at which nobody reads mail. A mailbox that is full (552) is read again some day."""
_POLICY = re.compile(r"5\.7\.\d")
"""How a server begins that does not want mail of ours, whoever it is for (RFC 3463): people can mend that."""


class Sending(msgspec.Struct, frozen=True):
    """Letters to hand to the mail server over one connection."""

    letters: tuple[Letter, ...]
    own: tuple[Own, ...] = ()
    """Sources of the shop's own, for those that there are some of."""


class Sent(msgspec.Struct, frozen=True):
    """What became of one letter: `error` None: the server took it; `final`: trying again would not help."""

    letter: UUID
    error: str | None = None
    final: bool = False
    bounced: bool = False
    """It was given up because nobody reads mail at its address."""
    failure: Failure | None = None
    """The shop's own source could not be used: it is made of the built-in one."""


class SendingResult(msgspec.Struct, frozen=True):
    """One entry for each letter that was tried."""

    results: tuple[Sent, ...]


def _discreet(letter: Letter, sent: Sent) -> Sent:
    """What a server said of a letter is kept, and may not name who it was for."""
    said = sent.error and re.sub(re.escape(letter.to), "<address>", sent.error, flags=re.IGNORECASE)
    return msgspec.structs.replace(sent, error=said)


def _may_go_on(until: float) -> bool:
    return time.monotonic() <= until and not activity.is_worker_shutdown()


def _told_before() -> list[Sent]:
    """What an earlier try of this step said of its letters before it failed."""
    told = activity.info().heartbeat_details
    return msgspec.convert(told[0], list[Sent]) if told else []


@contextlib.asynccontextmanager
async def _telling(results: list[Sent]) -> AsyncIterator[None]:
    """Say every few seconds that we live, and what has left: a slow server may take minutes for one letter."""

    async def tell() -> None:
        while True:
            activity.heartbeat(results)
            await asyncio.sleep(BEAT)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()


class _Patient(aiosmtplib.SMTP):
    """Waits longer for the answer to a letter than for all others."""

    async def data(self, message: str | bytes, /, *, timeout: Any = None) -> aiosmtplib.SMTPResponse:
        return await super().data(message, timeout=TAKING)


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

    @activity.defn
    async def send_letters(self, request: Sending) -> SendingResult:
        """Hand letters to the mail server; one that fails does not hold up the others, nor does a slow server all.

        Changes: what is taken is on its way.
        Again: what an earlier try said of a letter holds. One of which nothing could be said, because the worker died
        meanwhile, goes out again under the same Message-ID, which mail programs show once.
        Undo: nothing, final.
        """
        results = _told_before()
        known = {sent.letter for sent in results}
        waiting = deque(letter for letter in request.letters if letter.id not in known)
        until = time.monotonic() + ENOUGH
        async with _telling(results):
            while waiting and _may_go_on(until):
                try:
                    await self._hand_over(waiting, request.own, results, until)
                except (aiosmtplib.SMTPException, OSError) as away:  # nobody there, for none of them
                    error = f"{type(away).__name__}: {away}"
                    results += [Sent(letter.id, error) for letter in waiting]
                    break
        return SendingResult(tuple(results))

    async def _hand_over(self, waiting: deque[Letter], own: Sequence[Own], results: list[Sent], until: float) -> None:
        """Over one connection, until none waits, time is up or the server breaks off."""
        async with self._connection() as server:
            while waiting and server.is_connected and _may_go_on(until):
                letter = waiting.popleft()
                sent = _discreet(letter, await self._send(server, letter, own))
                said = {"order": letter.order_number, "template": letter.template, "letter": letter.id}
                if sent.error is None:
                    log.info("letter left", **said)
                else:
                    log.warning("letter did not leave", **said, error=sent.error)
                results.append(sent)
                activity.heartbeat(results)

    def _connection(self) -> aiosmtplib.SMTP:
        server = self._server
        secure = server.scheme == "smtps"
        return _Patient(
            hostname=server.hostname,
            port=server.port or (465 if secure else 25),
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=secure,
            timeout=TIMEOUT,
        )

    async def _send(self, server: aiosmtplib.SMTP, letter: Letter, own: Sequence[Own]) -> Sent:
        if ENCODED in letter.to:  # it could name several people
            return Sent(letter.id, "not an address: it looks encoded", final=True, bounced=True)
        try:
            message, failure = self._compose(letter, own)
        except Exception as broken:  # whatever is wrong with one letter must not hold up the others
            log.error("letter cannot be written", order=letter.order_number, template=letter.template, exc_info=broken)
            return Sent(letter.id, f"cannot be written: {type(broken).__name__}: {broken}")
        if failure is not None:
            log.error("own source of a letter fails", template=letter.template, locale=letter.locale, why=failure.why)
        return msgspec.structs.replace(await self._hand(server, letter, message), failure=failure)

    async def _hand(self, server: aiosmtplib.SMTP, letter: Letter, message: EmailMessage) -> Sent:
        try:
            await server.send_message(message)
        except aiosmtplib.SMTPNotSupported as lacking:
            return Sent(letter.id, f"not possible with this mail server: {lacking}", final=True)
        except ValueError as nobody:
            return Sent(letter.id, f"not an address: {nobody}", final=True, bounced=True)
        except aiosmtplib.SMTPSenderRefused as answer:  # of us, not of this letter: people can mend that
            return Sent(letter.id, f"{answer.code} {answer.message}")
        except aiosmtplib.SMTPRecipientsRefused as refused:
            of_one = refused.recipients[0]
            unread = of_one.code in NOBODY and not _POLICY.match(of_one.message)
            said = f"refused by the mail server: {of_one.code} {of_one.message}"
            return Sent(letter.id, said, final=unread, bounced=unread)
        except aiosmtplib.SMTPResponseException as answer:
            return Sent(letter.id, f"{answer.code} {answer.message}", final=answer.code >= 500)
        except (aiosmtplib.SMTPException, OSError) as gone:  # it broke off, or said nothing: the next has another line
            server.close()
            return Sent(letter.id, f"{type(gone).__name__}: {gone}")
        return Sent(letter.id)

    def _compose(self, letter: Letter, own: Sequence[Own] = ()) -> tuple[EmailMessage, Failure | None]:
        facts = {**letter.facts, "number": letter.order_number, **self._secrets_of(letter)}
        shop = parseaddr(self._sender)[0] or SHOP
        said, failure = worded(letter.template, letter.locale, facts, own, shop)
        message = EmailMessage()
        message["Subject"] = said.subject.replace(ENCODED, "= ?")
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
        message.set_content(said.text)
        message.add_alternative(said.html, subtype="html")
        return message, failure

    def _secrets_of(self, letter: Letter) -> dict[str, str]:
        """What is derived at the last moment, so that no table and no history has it."""
        secrets: dict[str, str] = {}
        if (reset := letter.facts.get("reset")) is not None:
            secrets["code"] = code(self._key, ResetId(UUID(str(reset))))
        if (card := letter.facts.get("gift_card")) is not None:
            secrets["gift_card_code"] = gift_card_code(self._key, CreditAccountId(UUID(str(card))))
        return secrets

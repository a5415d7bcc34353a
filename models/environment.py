"""What the text of an environment variable means; who set it otherwise is told what would do."""

import re
from collections.abc import Collection, Mapping
from datetime import time, timedelta
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from models.money import EXPONENTS
from models.vendor import minima

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_RATE = re.compile(rf"([1-9][0-9]{{0,8}})/({'|'.join(_SECONDS)})")


class Invalid(ValueError):
    """A variable is missing or cannot be read; the message names it and says what would do."""


class Rate(msgspec.Struct, frozen=True):
    """So many in so long."""

    amount: int
    seconds: int


class Variables:
    """Variables by name. An empty one is one that is not set. Every method raises: Invalid."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def optional(self, name: str) -> str | None:
        """Whatever it says."""
        return self._environment.get(name, "").strip() or None

    def text(self, name: str, default: str | None = None) -> str:
        """Whatever it says; without a default it has to be set."""
        value = self.optional(name) or default
        if value is None:
            raise Invalid(f"{name} is not set: see docs/configuration.md for what it means")
        return value

    def page(self, name: str, default: str) -> str | None:
        """A web page's address without a slash at the end; None for the word `none`."""
        value = self.text(name, default).rstrip("/")
        return None if value == "none" else value

    def one_of(self, name: str, words: Collection[str], default: str, *, fold: bool = False) -> str:
        """One of these words; with `fold` in whatever case."""
        value = self.text(name, default)
        value = value.lower() if fold else value
        if value not in words:
            choice = " or ".join(words) if len(words) < 10 else "an ISO 4217 code in lower case"
            raise Invalid(f"{name} must be {choice}, not {value!r}")
        return value

    def port(self, name: str) -> int | None:
        """A TCP port."""
        value = self.optional(name)
        if value is None:
            return None
        if not value.isdecimal() or not 0 < int(value) < 65536:
            raise Invalid(f"{name} must be a port number, not {value!r}")
        return int(value)

    def count(self, name: str, default: str) -> int:
        """From 0 to 100."""
        value = self.text(name, default)
        if not value.isdecimal() or int(value) > 100:
            raise Invalid(f"{name} must be a number from 0 to 100, not {value!r}")
        return int(value)

    def rate(self, name: str, default: str) -> Rate | None:
        """`10/minute`; None: off."""
        value = self.text(name, default)
        found = _RATE.fullmatch(value)
        if value != "off" and not found:
            raise Invalid(f"{name} must look like 10/minute (second, minute, hour, day), or be off, not {value!r}")
        return Rate(int(found[1]), _SECONDS[found[2]]) if found else None

    def bucket(self, name: str) -> str | None:
        """Address of a bucket of files, with key and secret."""
        value = self.optional(name)
        if value is None:
            return None
        parts = urlsplit(value)
        known = parts.scheme in ("s3+https", "s3+http") and parts.hostname and parts.path.strip("/")
        if not known or bool(parts.username) != bool(parts.password):
            raise Invalid(f"{name} must look like s3+https://key:secret@host/bucket/prefix?region=eu-central-1")
        return value

    def share(self, name: str, default: str) -> float:
        """From 0 to 1."""
        value = self.text(name, default)
        if not re.fullmatch(r"0(\.[0-9]+)?|1(\.0+)?", value):
            raise Invalid(f"{name} must be a number from 0 to 1, not {value!r}")
        return float(value)

    def smtp(self, name: str) -> str:
        """Address of a mail server."""
        value = self.text(name)
        parts = urlsplit(value)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise Invalid(f"{name} must look like smtp://user:password@host:587 or smtps://host")
        return value

    def zone(self, name: str, default: str) -> ZoneInfo:
        """A time zone of the IANA database."""
        value = self.text(name, default)
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # the last: it names a folder of the database
            raise Invalid(f"{name} must be a time zone such as Europe/Berlin or UTC, not {value!r}") from None

    def of_day(self, name: str, default: str) -> time:
        """A time of day, UTC."""
        value = self.text(name, default)
        if not _OF_DAY.fullmatch(value):
            raise Invalid(f"{name} must be a time of day like 06:00, in UTC, not {value!r}")
        return time.fromisoformat(value)

    def seconds(self, name: str, default: str) -> timedelta:
        """A duration in seconds, fractions allowed."""
        value = self.text(name, default)
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < 10**8:
            raise Invalid(f"{name} must be a positive number of seconds, not {value!r}")
        return timedelta(seconds=number)

    def mail_address(self, name: str) -> str | None:
        """One address without a name."""
        address = self.optional(name)
        if address is not None and not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", address):
            raise Invalid(f"{name} must be one e-mail address, or be empty, not {address!r}")
        return address

    def build(self, name: str) -> str | None:
        """Id of a build, as Temporal takes them."""
        build = self.optional(name)
        if build is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", build):
            raise Invalid(
                f"{name} must be up to 80 letters, digits, dots, dashes and underscores, or be empty, not {build!r}"
            )
        return build

    def site(self, name: str) -> str | None:
        """Where something answers HTTP, without a slash at the end."""
        address = self.optional(name)
        if address is not None and not re.fullmatch(r"https?://[^/?#\s]+[^?#\s]*", address):
            raise Invalid(f"{name} must look like http://collector:4318, or be empty, not {address!r}")
        return address and address.rstrip("/")

    def headers(self, name: str) -> Mapping[str, str]:
        """HTTP headers by name in lower case, from `a=b,c=d` with percent-encoded values."""
        pairs = [each.partition("=") for each in (self.optional(name) or "").split(",") if each.strip()]
        if not all(sign and re.fullmatch(r"[\w-]+", key.strip()) for key, sign, _ in pairs):
            raise Invalid(f"{name} must look like api-key=abc,other=def")
        return {key.strip().lower(): unquote(value.strip()) for key, _, value in pairs}

    def minima(self, name: str) -> Mapping[str, int]:
        """Minor units by currency."""
        text = self.optional(name)
        found = minima(text or "")
        if found is None or not found.keys() <= EXPONENTS.keys():
            raise Invalid(f"{name} must look like usd:2500,eur:2000 (minor units), or be empty, not {text!r}")
        return found

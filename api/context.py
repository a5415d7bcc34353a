"""What a request brings and finds: the process's connections, who is calling, and a body read strictly."""

import hashlib
import hmac
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import HeaderParameter
from redis.asyncio import Redis
from temporalio.client import Client

from api.limits import Limits, asking_from
from api.problems import FieldError, Invalid
from api.shelf import Shelf
from api.streams import Streams
from api.tallies import Tallies
from models import logs, tokens
from models.audit import Author
from models.darkroom import Darkroom
from models.database import Database
from models.errors import Refusal
from models.ids import CartId, SessionId, UserId
from models.password import Passwords
from models.roles import Role
from models.search.names import Names
from models.search.question import Engine
from models.session import Claims
from models.settings import ApiSettings
from models.storage import Storage
from models.user import SignedIn


class Premises(msgspec.Struct, frozen=True):
    """All that this process holds open. Each connects when first used, so that the API starts with any of them away."""

    settings: ApiSettings
    database: Database
    redis: Redis
    temporal: Client
    shelf: Shelf
    """Catalogue answers kept ready."""
    limits: Limits
    """How often somebody may ask."""
    passwords: Passwords
    storage: Storage
    """Pictures, and other files."""
    darkroom: Darkroom
    search: Engine
    names: Names
    """Of categories, tags and vendors."""
    tallies: Tallies
    """What shoppers search for."""
    streams: Streams
    """Who watches an order."""


class Identity(msgspec.Struct, frozen=True):
    """Who is asking, as far as their tokens prove it."""

    cart: CartId | None = None
    """Their account's cart, or the one whose token they hold; None: none, or one we never gave out."""
    cart_token: str | None = None
    """The token that opened it."""
    user: UserId | None = None
    """The account they are signed in to."""
    session: SessionId | None = None
    """The sign-in that this request belongs to."""
    email: str | None = None
    """The account's; None also where the operation's own query is still to prove the session."""
    roles: frozenset[Role] = frozenset()
    customer: str | None = None
    """The payment provider's id of the account."""
    locale: str | None = None
    """The account's language (BCP 47); None: nobody is signed in, or the session is still to be proven."""

    @property
    def account(self) -> UserId:
        """The account, in operations that nobody reaches without one."""
        assert self.user is not None
        return self.user

    @property
    def author(self) -> Author:
        """Who asks, from where and as what, for the log of what staff do."""
        roles = tuple(role for role in Role if role in self.roles)
        return Author(self.account, logs.bound("request_id"), asking_from(), roles)


BODILESS = "holdfast.bodiless"
"""In the scope of a request that asks for headers alone."""

House = NamedDependency[Premises]
"""What a handler asks for as `house`."""
Caller = NamedDependency[Identity]
"""What a handler asks for as `caller`."""

CartToken = Annotated[
    str | None,
    HeaderParameter(name="Cart-Token", description="The `cart_token` of an earlier answer; without: a new cart"),
]
OrderToken = Annotated[
    str | None, HeaderParameter(name="Order-Token", description="The `order_token` that the checkout's answer gave")
]
Browser = Annotated[
    str | None,
    HeaderParameter(
        name="Accept-Language",
        description="What to read, as browsers say it; an account's own `locale` goes before it. "
        "Spoken: `en`, `de`, `fr`, `am`.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="1 to 255 printable ASCII characters, new for each thing you want done, such as a UUID. "
        "The same key with the same request gets the same answer and does nothing twice.",
    ),
]


def provide_caller(request: Request[Any, Any, Any], house: House, cart_token: CartToken = None) -> Identity:
    """Made of the request's tokens, of which `api/access.py` has read the account's."""
    account = request.state.get("account")
    if isinstance(account, SignedIn):
        return Identity(
            CartId(account.user), None, account.user, account.session, account.email, account.roles, account.customer,
            account.locale,
        )  # fmt: skip
    if isinstance(account, Claims):
        return Identity(CartId(account.user), None, account.user, account.session)
    cart = tokens.read_cart_token(house.settings.secret_key, cart_token) if cart_token else None
    return Identity(cart, cart_token if cart else None)


def idempotency_key(given: str | None) -> str | None:
    """The client's key, None without one. Raises: Invalid when it is no 1 to 255 printable ASCII characters."""
    if given is not None and not (1 <= len(given) <= 255 and given.isascii() and given.isprintable()):
        raise Invalid(FieldError("Expected 1 to 255 printable ASCII characters", parameter="Idempotency-Key"))
    return given


def digest(request: object) -> str:
    """What makes two requests the same: a hash of the meaning of their bodies, not of their blanks."""
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()


def sealed(house: Premises, request: object) -> str:
    """The same of a request with a password or a token in it: without our key nobody can guess it from this."""
    return hmac.digest(house.settings.secret_key, b"request:" + digest(request).encode(), hashlib.sha256).hex()


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


class StrictRequest(Request[Any, Any, Any]):
    """Reads a body exactly as its operation declares it: "2" is no number, an unknown field is no field."""

    async def json(self) -> Any:
        kind, _ = self.content_type
        if kind and kind != RequestEncodingType.JSON and not kind.endswith("+json"):
            raise Refusal("unsupported_media_type", "Send JSON, with `Content-Type: application/json`.")
        field = self.route_handler.parsed_data_field
        wanted = field.annotation if field else Any
        decoder = _decoders.get(wanted)
        if decoder is None:
            decoder = _decoders[wanted] = msgspec.json.Decoder(wanted)
        try:
            decoded = decoder.decode(await self.body())
        except msgspec.ValidationError as error:
            raise Invalid.body(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal("malformed", f"The body is not JSON: {error}.") from error
        limit = self.route_handler.opt.get("limited")
        if limit is not None:  # not before the body says whose account is tried
            await self.app.state.house.limits.attempt(self.scope, limit, decoded, self.state.get("account"))
        return decoded

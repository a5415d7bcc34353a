"""How a page of the desk is made: its templates, its words for states, sums and times, and what frames every page."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from markupsafe import Markup, escape

from api.desk.admission import PATH
from api.desk.calls import Desk
from models import clock
from models.ids import new_id
from models.money import Money
from models.roles import Scope, may
from models.session import desk_proof

HERE = Path(__file__).parent
HTML = "text/html; charset=utf-8"
_PACKAGED = {"htmx.js": "django_htmx/static/django_htmx/htmx-2.min.js"}
"""Scripts that come with a package of which nothing else is used."""

PLACES = (
    ("attention", "Attention", Scope.ATTENTION_READ), ("orders", "Orders", Scope.ORDERS_READ),
    ("approvals", "Approvals", Scope.APPROVALS_READ),
    ("products", "Products", Scope.CATALOGUE_READ), ("stock", "Stock", Scope.INVENTORY_READ),
    ("reports", "Reports", Scope.REPORTS_READ),
)  # fmt: skip
"""What the head of every page leads to, and which scope it needs."""

_TONES: Mapping[str, str] = {
    **dict.fromkeys(("confirmed", "paid", "fulfilled", "delivered", "completed", "succeeded", "settled"), "good"),
    **dict.fromkeys(("pending", "authorized", "processing", "shipped", "partial", "open", "running", "requested",
                     "approved", "received", "inspected", "proposed"), "busy"),
    **dict.fromkeys(("on_hold", "attention", "partially_refunded", "waiting", "paused", "low"), "warn"),
    **dict.fromkeys(("failed", "lost", "unreachable", "critical", "high"), "bad"),
}  # fmt: skip
"""How a state looks; all others look like nothing in particular."""


def page(
    desk: Desk | None, template: str, *, status: int = 200, here: str = "", headers: dict[str, str] | None = None,
    **context: Any,
) -> Response[str]:  # fmt: skip
    """A page for somebody at the desk; without `desk`, for nobody."""
    frame: dict[str, Any] = {"desk": desk, "here": here, "places": [], "proof": "", "now": clock.now()}
    if desk is not None and desk.caller.session is not None:
        frame["proof"] = desk_proof(desk.house.settings.secret_key, desk.caller.session)
        frame["places"] = [(name, title) for name, title, scope in PLACES if may(desk.caller.roles, scope)]
    html = _ENVIRONMENT.get_template(template).render(**frame, **context)
    return Response(html, status_code=status, media_type=HTML, headers=headers)


@cache
def file(name: str) -> bytes | None:
    """A script, style or picture of the desk; None: there is none such."""
    if name in _PACKAGED:
        return Path(str(metadata.distribution("django-htmx").locate_file(_PACKAGED[name]))).read_bytes()
    found = HERE / "static" / name
    return found.read_bytes() if name in FILES else None


FILES = frozenset(each.name for each in (HERE / "static").iterdir())


def asset(name: str) -> str:
    """The address of a file, which changes with what is in it."""
    body = file(name)
    assert body is not None, name
    return f"{PATH}/static/{hashlib.sha256(body).hexdigest()[:16]}/{name}"


def _moment(at: datetime | None, how: str = "both") -> Markup:
    """A time as people say it; how far away it is, and when exactly."""
    if at is None:
        return Markup("—")
    exactly = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    if how == "exact":
        return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), f"{at:%Y-%m-%d %H:%M} UTC")
    away = Markup('<time data-away datetime="{}" title="{}">{}</time>').format(at.isoformat(), exactly, _away(at))
    if how == "away":
        return away
    return away + Markup(' <span class="exact">{}</span>').format(f"{at:%Y-%m-%d %H:%M} UTC")


def _away(at: datetime) -> str:
    seconds = (at - clock.now()).total_seconds()
    size = abs(seconds)
    if size < 5:
        return "now"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if size >= length:
            count = f"{int(size // length)} {unit}"
            return f"in {count}" if seconds > 0 else f"{count} ago"
    return "now"


def _money(amount: Money | None) -> Markup:
    return Markup("—") if amount is None else Markup('<span class="money">{}</span>').format(str(amount))


def _cell(value: object) -> object:
    """What stands in a table of a report: money as it is said."""
    if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        return _money(Money(value["amount"], value["currency"]))
    return "—" if value is None else value


def _words(state: object) -> str:
    return str(state).replace("_", " ")


def _chip(state: object, tone: str | None = None) -> Markup:
    """A state, in its colour."""
    found = tone or _TONES.get(str(state), "plain")
    return Markup('<span class="chip {}">{}</span>').format(found, _words(state))


def _query(**changes: object) -> str:
    return "?" + urlencode({name: value for name, value in changes.items() if value not in (None, "")})


def _lines(text: str) -> Markup:
    return Markup("<br>").join(escape(line) for line in text.splitlines())


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
_ENVIRONMENT.filters.update(moment=_moment, money=_money, words=_words, chip=_chip, as_lines=_lines, cell=_cell)
_ENVIRONMENT.globals.update(asset=asset, query=_query, new_key=lambda: new_id().hex, PATH=PATH)

"""The rendering room: a letter in a reader's language, as text and as HTML, from one source.

A template says `Subject: …`, an empty line, and its paragraphs, an empty line between two; lines that begin with two
blanks are a list. What text and HTML have each in their own way (a basket, an address) are pieces, which it calls.
"""

import re
import time
from collections.abc import Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import jinja2
import msgspec
from jinja2.ext import InternationalizationExtension
from markupsafe import Markup

from models.wording import formats
from models.wording.catalogues import catalogue
from models.wording.languages import LANGUAGES, conventions, language_of
from models.wording.reasons import reason
from models.wording.sandbox import PIECES, Sandbox, Unusable, check

FOLDER = Path(__file__).parent / "templates"
TEMPLATES = tuple(sorted(path.stem for path in FOLDER.glob("[!_]*.j2")))
"""The letters there are."""
SHOP = "Holdfast"
"""Who writes, where the caller does not say."""
Mode = Literal["text", "html"]


class Composed(msgspec.Struct, frozen=True):
    """A letter as it leaves."""

    subject: str
    text: str
    html: str


class Source(msgspec.Struct, frozen=True):
    """What a letter is made from: a shop's own, or the room's."""

    subject: str
    text: str
    html: str | None = None
    """None: the text's, with paragraphs and pieces in HTML. What begins with `<!doctype` or `<html` stays as it is;
    anything else stands in the layout that all letters share."""


def compose(
    template: str, locale: str | None, facts: Mapping[str, Any], override: Source | None = None, shop: str = SHOP
) -> Composed:
    """A letter of this name for a reader of `locale` (BCP 47; one we do not speak: English).

    `override` takes the place of the built-in source. Raises: Unusable when it cannot be rendered with these facts;
    jinja2.TemplateError when the built-in one cannot.
    """
    if override is None:
        subject, body = _built_in(template)
        text, html = _rendering(locale, "text", True), _rendering(locale, "html", True)
        return Composed(
            _line(text.render("subject", subject, facts)),
            _plain(text.render("text", body, facts)),
            html.page(_flowing(html.render("text", body, facts)), facts, shop),
        )
    text, html = _rendering(locale, "text", False), _rendering(locale, "html", False)
    subject = _line(text.guarded("subject", override.subject, facts))
    if not subject:
        raise Unusable("subject", "it is empty")
    said = _plain(text.guarded("text", override.text, facts))
    if override.html is None:
        return Composed(subject, said, html.page(_flowing(html.guarded("text", override.text, facts)), facts, shop))
    own = html.guarded("html", override.html, facts).strip()
    whole = own[:9].lower().startswith(("<!doctype", "<html"))
    return Composed(subject, said, own + "\n" if whole else html.page(own, facts, shop))


def source_of(template: str, locale: str | None) -> Source:
    """The built-in source in a language, to begin a shop's own with: composes the same letter. Raises: KeyError."""
    translations = catalogue(language_of(locale))

    def translated(found: re.Match[str]) -> str:
        given = dict(_VALUE.findall(found["values"]))
        message = " ".join(line.strip() for line in found["message"].strip().splitlines())
        message = _PLACE.sub(r"%(\1)s", message)
        return _FILLED.sub(lambda name: f"{{{{ {given.get(name[1], name[1])} }}}}", translations.gettext(message))

    subject, body = _built_in(template)
    return Source(_TRANS.sub(translated, subject), _TRANS.sub(translated, body).strip() + "\n")


_TRANS = re.compile(r"{%-?\s*trans\b(?P<values>[^%]*?)-?%}(?P<message>.*?){%-?\s*endtrans\s*[-+]?%}", re.DOTALL)
_VALUE = re.compile(r"(\w+)=([^\s,]+)")
_PLACE = re.compile(r"{{\s*(\w+)\s*}}")
_FILLED = re.compile(r"%\((\w+)\)s")


@cache
def _built_in(template: str) -> tuple[str, str]:
    if template not in TEMPLATES:
        raise KeyError(template)
    # The line that a message ends is a line of the letter, unlike one that an `if` ends.
    source = (FOLDER / f"{template}.j2").read_text().replace("{% endtrans %}\n", "{% endtrans +%}\n")
    subject, _, body = source.partition("\n")
    return subject.removeprefix("Subject: "), body


class _Rendering:
    """Renders sources in one mode and for one reader's conventions."""

    def __init__(self, locale: str, mode: Mode, built_in: bool) -> None:
        self._locale = locale
        self._sources = sandbox_of(locale, mode, built_in)
        self._pieces = sandbox_of(locale, mode, True).get_template(f"_{mode}.j2")
        self._layout = sandbox_of(locale, "html", True).get_template("_layout.j2")
        self._compiled: dict[str, jinja2.Template] = {}

    def render(
        self, part: str, source: str, facts: Mapping[str, Any], most: int | None = None,
        tree: jinja2.nodes.Template | None = None,
    ) -> str:  # fmt: skip
        """The source with these facts. Raises: Unusable when it comes to more than `most` characters."""
        template = self._compiled.get(source)
        if template is None:
            template = self._sources.from_string(tree or source)
            if len(self._compiled) >= _MOST_KEPT:
                self._compiled.clear()
            self._compiled[source] = template
        pieces: Any = self._pieces.make_module(dict(facts))
        said = {**facts, **{name: getattr(pieces, name) for name in PIECES}}
        if most is None:
            return template.render(said)
        written, size = list[str](), 0
        for piece in template.generate(said):
            size += len(piece)
            if size > most:
                raise Unusable(part, f"it comes to a letter longer than {most} characters")
            written.append(piece)
        return "".join(written)

    def guarded(self, part: str, source: str, facts: Mapping[str, Any]) -> str:
        """The same of a source that is not ours. Raises: Unusable."""
        tree = check(self._sources, part, source)
        self._sources.until = time.thread_time() + LONGEST_TAKES
        try:
            return self.render(part, source, facts, LONGEST_SAID, tree)
        except Unusable:
            raise
        except Exception as wrong:  # whatever Jinja, Python's compiler or a filter make of what a shop wrote
            raise Unusable(part, str(wrong) or type(wrong).__name__, _line_of(wrong)) from wrong

    def page(self, body: str, facts: Mapping[str, Any], shop: str) -> str:
        """An HTML body in the layout that all letters share."""
        return self._layout.render(
            body=Markup(body),  # noqa: S704 - rendered with escaping on
            shop=shop,
            number=facts.get("number"),
            language=language_of(self._locale),
        )


_MOST_KEPT = 200
LONGEST_SAID = 500_000
"""Characters of a letter that a shop's own source may come to: it may loop over what there is much of."""

LONGEST_TAKES = 2.0
"""Seconds of work that a shop's own source may be, some hundred times what letters are: they hold up all others."""


def sandbox_of(locale: str | None, mode: Mode, built_in: bool) -> Sandbox:
    """Where sources of a mode are read; the room's own may also name messages of the catalogues."""
    return _sandbox(locale or LANGUAGES[0], mode, built_in)


@cache
def _sandbox(locale: str, mode: Mode, built_in: bool) -> Sandbox:
    translations = catalogue(language_of(locale))
    sandbox = Sandbox(
        autoescape=mode == "html",
        loader=jinja2.FileSystemLoader(FOLDER) if built_in else None,
        extensions=[InternationalizationExtension] if built_in else [],
        auto_reload=False,
    )
    if built_in:
        sandbox.policies["ext.i18n.trimmed"] = True
        sandbox.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    else:
        sandbox.globals.clear()
    sandbox.filters["money"] = lambda value: formats.money(value, locale)
    sandbox.filters["day"] = lambda value: formats.day(value, locale)
    sandbox.filters["moment"] = lambda value: formats.moment(value, locale)
    sandbox.filters["country"] = lambda value: formats.country(value, locale)
    sandbox.filters["reason"] = lambda value: reason(value, locale)
    return sandbox


@cache
def _kept(locale: str, mode: Mode, built_in: bool) -> _Rendering:
    return _Rendering(locale, mode, built_in)


def _rendering(locale: str | None, mode: Mode, built_in: bool) -> _Rendering:
    return _kept(str(conventions(locale)).replace("_", "-"), mode, built_in)


def _line(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


_PARAGRAPH = '<p style="margin:0 0 16px">{}</p>'
_LIST = '<ul style="margin:0 0 16px;padding:0 0 0 20px">{}</ul>'
_ITEM = '<li style="margin:0 0 6px">{}</li>'


def _flowing(text: str) -> str:
    """Paragraphs of what was written as text, and lists of lines that begin with two blanks; a piece brings its own
    tags."""
    return "\n".join(_chunk(chunk) for chunk in re.split(r"\n[ \t]*\n", text) if chunk.strip())


def _chunk(chunk: str) -> str:
    if chunk.lstrip().startswith("<"):
        return chunk.strip()
    lines = [line.rstrip() for line in chunk.split("\n") if line.strip()]
    said: list[str] = []
    for is_list, block in groupby(lines, lambda line: line.startswith("  ")):
        if is_list:
            said.append(_LIST.format("".join(_ITEM.format(line.strip()) for line in block)))
        else:
            said.append(_PARAGRAPH.format("<br>".join(line.strip() for line in block)))
    return "\n".join(said)


def _line_of(wrong: BaseException) -> int | None:
    """The line of a source at which rendering failed, as Jinja tells in the traceback."""
    found = None
    trace = wrong.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in ("<template>", "<unknown>"):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found

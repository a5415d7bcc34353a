"""Logs as a machine reads them: one JSON object a line, whatever is logged and by whom."""

import json
import subprocess
import sys
from functools import lru_cache
from typing import Any

import pytest

LINES = """
import logging, structlog
from models import logs
from models.errors import Refusal
from models.money import Money

logs.configure("info", "json")
log = structlog.get_logger()
logs.bind(request_id="r-1", order="HF-1", nothing=None)
log.info("plain", ms=1.5)
log.debug("too quiet")
log.info("two\\nlines \\u2028 and \\x00")
log.info("values", money=Money(1, "usd"), ids={("a", 1): object}, big=10**30, bad="\\ud800", bytes=b"\\xff")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken")
logging.getLogger("library").warning("100%% of %s", "it")
logging.getLogger("library").warning("%s %s", "too few")
logging.addLevelName(35, "NOTICE")
logging.getLogger("library").log(35, "a level of its own")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("library").exception("broken there")
logging.getLogger("httpx").info("chatter")
structlog.contextvars.clear_contextvars()
log.info("afterwards")
"""


@lru_cache
def printed(script: str = LINES) -> list[str]:
    """What a process of its own prints, since the configuration is the whole process's."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.rstrip("\n").split("\n")


def line(event: str) -> dict[str, Any]:
    """The one line that says this."""
    [found] = [each for each in map(json.loads, printed()) if each["event"].startswith(event)]
    return dict(found)


def test_every_line_is_an_object_with_time_and_level() -> None:
    """Given plain words, control characters, values of all kinds and libraries' lines, then all are JSON objects."""
    found = [json.loads(each) for each in printed()]
    assert len(found) == 9
    for each in found:
        assert each["at"].endswith("Z")
        assert each["level"] in ("info", "warning", "error")


def test_ids_are_in_every_line_until_they_are_cleared() -> None:
    """Given bound ids, then our lines and libraries' carry them, and the first line of the next request does not."""
    assert (line("plain")["request_id"], line("plain")["order"]) == ("r-1", "HF-1")
    assert "nothing" not in line("plain")
    assert (line("100%")["request_id"], line("100%")["logger"]) == ("r-1", "library")
    assert "request_id" not in line("afterwards")


def test_values_of_any_kind_are_written() -> None:
    """Given money, odd keys, huge numbers, broken text and bytes, then each is written somehow."""
    values = line("values")
    assert (values["money"], values["big"]) == ({"amount": 1, "currency": "usd"}, 10**30)
    assert values["ids"] == {"('a', 1)": "<class 'object'>"}


def test_text_stays_on_its_line() -> None:
    """Given a message with line breaks, then it is still one line and says the same."""
    assert line("two")["event"] == "two\nlines \u2028 and \x00"


def test_a_trace_is_part_of_its_line() -> None:
    """Given an exception, ours or a library's, then the trace stands in the line's `exception`."""
    assert line("broken there")["exception"].endswith("ZeroDivisionError: division by zero")
    [ours] = [each for each in map(json.loads, printed()) if each["event"] == "broken"]
    assert ours["exception"].startswith("Traceback")


def test_libraries_cannot_break_a_line() -> None:
    """Given a library that formats wrongly or has a level of its own, then its line comes out all the same."""
    assert line("%s %s")["level"] == "warning"
    assert line("100%")["event"] == "100% of it"
    assert line("a level")["level"] == "warning"


def test_what_is_too_quiet_is_not_written() -> None:
    """Given a debug line at level info, and a chatty library, then neither is printed."""
    assert not [each for each in printed() if "too quiet" in each or "chatter" in each]


def test_console_lines_are_for_people() -> None:
    """Given the console form, then the line is text with the words in it."""
    script = "import structlog\nfrom models import logs\nlogs.configure('info', 'console')\n"
    [found] = printed(script + "structlog.get_logger().info('hello', order='HF-1')")
    assert "hello" in found
    assert "HF-1" in found
    with pytest.raises(json.JSONDecodeError):
        json.loads(found)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_never_shows_what_variables_held(form: str) -> None:
    """Given an error beside a password, then the log has the trace, and not the password."""
    script = f"""
import structlog
from models import logs
logs.configure("info", "{form}")
password = "".join(["hor", "se"])
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("broken")
"""
    said = "\n".join(printed(script))
    assert "ZeroDivisionError" in said
    assert "horse" not in said

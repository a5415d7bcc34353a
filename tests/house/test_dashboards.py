"""Dashboards and alerts are files that their programs take, and lead whoever is woken to what is to be done."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.house.messages import ROOT
from tests.promql import OPERATING, Asked, Demand, Told, asked, expressions, missing, rules

DASHBOARDS = sorted((OPERATING / "dashboards").glob("*.json"))
GUIDE = (ROOT / "docs" / "watching.md").read_text()
MADE = re.compile(r'create_(?:gauge|gauge_float|counter|histogram)\(\s*"(\w+)"')


def slug(heading: str) -> str:
    """As pages of Markdown name their headings."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported(path: Path) -> None:
    """Given a dashboard, then it asks which Prometheus, its panels have names, numbers and places of their own."""
    board: dict[str, Any] = json.loads(path.read_text())
    panels = board["panels"]
    assert [each["name"] for each in board["templating"]["list"] if each["type"] == "datasource"] == ["datasource"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels) > 10
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["targets"], panel["title"]
    taken = [
        (x, y) for panel in panels for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
    ]  # fmt: skip
    assert len(set(taken)) == len(taken)
    assert len({json.loads(other.read_text())["uid"] for other in DASHBOARDS}) == len(DASHBOARDS)


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: str(rule["alert"]))
def test_an_alert_leads_to_what_is_to_be_done(rule: dict[str, Any]) -> None:
    """Given an alert, then it says how bad it is, what happened, and under which heading of which page what to do."""
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "runbook"}
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {slug(heading) for heading in headings}
    assert "$value" not in rule["expr"]


def test_alerts_have_names_of_their_own() -> None:
    """Given all alerts, then no two have one name, and the guide has no heading of one that is gone."""
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert set(re.findall(r"^### (Holdfast\w+)$", GUIDE, re.MULTILINE)) == set(names)


def test_every_number_of_ours_is_explained() -> None:
    """Given each number that is told of how the shop stands, then the guide's table has it, and none that is gone."""
    made = {name for path in (ROOT / "activities").rglob("*.py") for name in MADE.findall(path.read_text())}
    table = re.search(r"^\| number \|.*?(?=^$)", GUIDE, re.MULTILINE | re.DOTALL)
    assert table is not None
    assert made == set(re.findall(r"`(holdfast_\w+)(?:\{[^}]*\})?`", table[0])) != set()


def test_every_alert_and_panel_asks_for_something() -> None:
    """Given each expression, then metrics are found in it."""
    for where, expression in expressions():
        assert asked(expression).demands, where


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("up", Asked((Demand("up", ()),), frozenset())),
        ('sum by (a, b) (rate(x_total{c="1", d=~"2|3"}[5m])) > 0.02',
         Asked((Demand("x_total", (("c", "=", "1"), ("d", "=~", "2|3"))),), frozenset({"a", "b"}))),
        ("time() - max(x) > 4 * 3600 and on (i) y == scalar(max(z))",
         Asked((Demand("x", ()), Demand("y", ()), Demand("z", ())), frozenset({"i"}))),
    ],
)  # fmt: skip
def test_what_an_expression_asks_for(expression: str, wanted: Asked) -> None:
    """Given an expression, then its metrics, matchers and labels are read out of it."""
    assert asked(expression) == wanted


def test_what_nobody_tells_is_found() -> None:
    """Given a house that tells but little, then what dashboards and alerts ask for beyond it is named."""
    told: Told = {"holdfast_http_requests_total": [{"route": "/"}], "temporal_request": [{"operation": "x"}]}
    found = missing(told)
    assert "HoldfastAnswersErrors: holdfast_http_requests_total has no status" in found
    assert "machinery: Requests a second: no label status" in found
    assert "HoldfastRefundsFail: no holdfast_order_facts_total" in found
    assert [each for each in found if "Calls to Temporal" in each] == []
    told["holdfast_order_facts_total"] = [{"type": "order_placed"}]
    assert "HoldfastRefundsFail: holdfast_order_facts_total has no type refund_failed" in missing(told)

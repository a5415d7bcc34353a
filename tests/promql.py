"""What an expression of PromQL asks for: its metrics, what it demands of their labels, and which labels it keeps."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from tests.house.messages import ROOT

OPERATING = ROOT / "docs" / "operating"
OF_PROMETHEUS = frozenset({"instance", "job", "le"})
"""Labels that it adds itself, and the bounds of histograms."""
_SELECTOR = re.compile(r"([a-z_][a-z0-9_]*)\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_KEPT = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset"})

Told = dict[str, list[dict[str, str]]]
"""Labels of each sample, by metric."""


class Demand(NamedTuple):
    """Of one metric."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""


class Asked(NamedTuple):
    """By one expression."""

    demands: tuple[Demand, ...]
    kept: frozenset[str]
    """Labels that it groups or joins by."""


def asked(expression: str) -> Asked:
    """Enough of the language for ours; another check than its parser's own."""
    kept = frozenset(label.strip() for _, labels in _KEPT.findall(expression) for label in labels.split(","))
    bare = re.sub(r"\[[^]]*\]", "", _KEPT.sub(" ", expression))
    demands = []
    for found in _SELECTOR.finditer(bare):
        inside = any(brace.start() < found.start() < brace.end() for brace in re.finditer(r"\{[^}]*\}", bare))
        called = bare[found.end() :].lstrip().startswith("(") and found[2] is None
        digit = bare[: found.start()][-1:].isdigit()
        if not (inside or called or digit or found[1] in _WORDS):
            demands.append(Demand(found[1], tuple(_MATCHER.findall(found[2] or ""))))
    return Asked(tuple(demands), kept - {""})


def panels() -> Iterator[tuple[str, str]]:
    """(where, expression) of every dashboard."""
    for path in sorted((OPERATING / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']}", target["expr"]


def rules() -> Iterator[dict[str, str]]:
    """Every alert."""
    for group in yaml.safe_load((OPERATING / "alerts.yml").read_text())["groups"]:
        yield from group["rules"]


def expressions() -> list[tuple[str, str]]:
    """(where, expression) of everything."""
    return [*panels(), *((rule["alert"], rule["expr"]) for rule in rules())]


def missing(told: Told) -> list[str]:
    """What is asked for and not told."""
    problems = []
    for where, expression in expressions():
        demands, kept = asked(expression)
        known = {label for demand in demands for each in told.get(demand.metric, []) for label in each}
        problems += [f"{where}: no label {label}" for label in kept - known - OF_PROMETHEUS]
        for metric, matchers in demands:
            if metric not in told:
                problems.append(f"{where}: no {metric}")
                continue
            for label, how, value in matchers:
                values = {each[label] for each in told[metric] if label in each}
                if not values:
                    problems.append(f"{where}: {metric} has no {label}")
                elif how == "=" and value not in values:
                    problems.append(f"{where}: {metric} has no {label} {value}")
                elif how == "=~" and not value[0].isdigit():
                    parts = [part for part in value.split("|") if not any(re.fullmatch(part, each) for each in values)]
                    problems += [f"{where}: {metric} has no {label} like {part}" for part in parts]
    return problems

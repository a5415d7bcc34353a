"""The README's map is the tree, and every place that the docs name is where they say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.messages import ROOT

README = ROOT / "README.md"
DOCS = [README, *sorted((ROOT / "docs").rglob("*.md"))]
PATH = re.compile(r"`((?:api|workflows|activities|models|dev|tests|docs|worker\.py)(?:/[\w./*-]*)?)`(?: \(([^)]*)\))?")
"""A place of ours in backticks, and the names that are said to be in it."""


def tracked() -> list[str]:
    """Every file that belongs to the project."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a checkout: there is no list of what belongs to the project")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def mapped() -> set[str]:
    """The names in the map: first of each pair of columns that two or more spaces keep apart."""
    found = re.search(r"^## The house\n.*?^```\w*\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found, "README.md has no fenced block under the heading `## The house`"
    names: set[str] = set()
    for line in found[1].splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        names |= {name[0] for cell in cells[::2] if (name := re.match(r"[\w.-]+/?(?=\s|$)", cell))}
    return names


def test_the_map_is_the_tree() -> None:
    """Given what is in the top folder, then the README's map names each folder and file, and nothing that is gone."""
    there = {name.split("/")[0] + ("/" if "/" in name else "") for name in tracked()}
    shown = {name for name in there if name.endswith("/") or not name.startswith(".")}  # dot files are tools' own
    assert shown - mapped() == set(), "in the tree, but not in the README's map"
    assert mapped() - there == set(), "in the README's map, but not in the tree"


@pytest.mark.parametrize("doc", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_places_that_the_docs_name_exist(doc: Path) -> None:
    """Given a path in backticks, then there is such a file or folder, and it has the names said to be in it."""
    for place, names in PATH.findall(doc.read_text()):
        found = sorted(ROOT.glob(place.rstrip("/"))) if "*" in place else [ROOT / place]
        assert found, f"{doc.name} names {place}"
        assert all(path.exists() for path in found), f"{doc.name} names {place}"
        if found[0].is_file():
            for name in re.findall(r"`(\w+)`", names):
                assert re.search(rf"\b{name}\b", found[0].read_text()), f"{doc.name}: {place} has no {name}"


@pytest.mark.parametrize("doc", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_docs_lead_somewhere(doc: Path) -> None:
    """Given a link to another page of ours, then that page exists."""
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", doc.read_text()):
        assert (doc.parent / target).exists(), f"{doc.name} links to {target}"


def test_make_targets_that_the_docs_name_exist() -> None:
    """Given `make something` in backticks, then the Makefile has that target."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for doc in DOCS for name in re.findall(r"`make ([a-z]+)", doc.read_text())}
    assert named - targets == set()

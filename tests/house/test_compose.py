"""compose.yaml is held to what can be checked without a container engine: schema, pins, variables, commands, order."""

import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from dev.temporal import SEARCH_ATTRIBUTES
from models.settings import KNOWN
from workflows import visibility

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("api", "worker", "migrate")
ONE_OFF = {"migrate", "temporal-schema", "temporal-setup"}


def test_compose_follows_the_compose_specification() -> None:
    """Given the official schema, then compose.yaml has nothing it does not allow."""
    schema = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "compose-spec.json").read_text()
    problems = [
        f"{error.json_path}: {error.message}" for error in Draft7Validator(json.loads(schema)).iter_errors(COMPOSE)
    ]
    assert problems == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_is_pinned_to_a_full_version(name: str) -> None:
    """Given an image, then its tag is a version with three numbers (two for Postgres), and never a moving one."""
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image, SERVICES[name]["image"]
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-bookworm)?", tag), tag


def test_base_images_of_the_dockerfile_are_pinned() -> None:
    """Given the Dockerfile, then both stages start from the same fully named Python."""
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", bases[0])


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_known_to_the_settings(name: str) -> None:
    """Given a variable of ours, then models/settings.py reads one of that name."""
    assert set(SERVICES[name]["environment"]) - KNOWN == set()


def test_every_setting_is_set_somewhere() -> None:
    """Given a variable the settings know, then compose.yaml hands it to the process that reads it."""
    set_somewhere = {variable for name in OURS for variable in SERVICES[name]["environment"]}
    assert KNOWN - set_somewhere == set()


def test_the_api_cannot_charge_anybody() -> None:
    """Given the two processes, then the payment key is the worker's alone, and the webhook's secret the API's."""
    assert "STRIPE_SECRET_KEY" not in SERVICES["api"]["environment"]
    assert "STRIPE_WEBHOOK_SECRET" not in SERVICES["worker"]["environment"]


def test_secrets_come_from_outside() -> None:
    """Given whatever is secret, then it is demanded from .env, and .env.example names it without a value."""
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert asked - set(example) == set()
    assert {name for name in example if re.search("KEY|PASSWORD|SECRET", name) and example[name]} == set()
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("KEY|PASSWORD|SECRET|PWD|AUTH(?!ORIZATION)", name):
                optional = name.startswith("CHAPA_") or name == "PAYLOAD_KEYS"  # a shop may do without
                assert re.fullmatch(r"\$\{\w+:-\}" if optional else r"\$\{\w+:\?[^}]+\}", value), name


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    """Given a command of ours, then its program is in the environment and its module or file in the image."""
    command = SERVICES[name]["command"]
    assert (Path(sys.executable).parent / command[0]).exists()
    dockerfile = (ROOT / "Dockerfile").read_text()
    for word in command[1:]:
        if re.fullmatch(r"[a-z_.]+:[a-z_]+", word):
            module, _, factory = word.partition(":")
            source = ROOT.joinpath(*module.split(".")).with_suffix(".py")
            assert f"def {factory}(" in source.read_text()
            assert f"COPY {module.split('.')[0]} " in dockerfile
        elif word.endswith(".py"):
            assert (ROOT / word).is_file()
            assert word in dockerfile


def test_what_the_image_copies_exists_and_reaches_the_builder() -> None:
    """Given a COPY from the context, then the path exists and .dockerignore lets it through."""
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert source in let_through


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nobody_starts_before_what_it_needs(name: str) -> None:
    """Given a dependency, then it exists, and is waited for: a job until it is done, a service until it is healthy."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_OFF else "service_healthy"
        assert other in SERVICES
        assert how["condition"] == wanted, f"{name} waits for {other}"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_OFF))
def test_long_running_services_say_how_they_are(name: str) -> None:
    """Given a service that stays, then it has a health check and comes back after a fall."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_nothing_is_open_to_the_world() -> None:
    """Given a published port, then it is bound to loopback: what stands in front of it is the operator's choice."""
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_every_server_learns_the_search_attributes_the_workflows_set() -> None:
    """Given the setup job and the embedded server, then both register what orders are searched by, no more, no less."""
    script = SERVICES["temporal-setup"]["command"][0]
    assert dict(re.findall(r"([A-Z]\w+):([A-Z]\w+)", script)) == SEARCH_ATTRIBUTES
    assert set(SEARCH_ATTRIBUTES) == {key.name for key in visibility.ALL}

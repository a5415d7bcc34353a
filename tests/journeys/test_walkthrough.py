"""The guide for storefront developers, sent request by request to the sample shop: it cannot rot."""

import time
from pathlib import Path

import anyio
import httpx

from tests.journeys.walkthrough import Step, differences, filled_in, learn, steps
from tests.premises import House

GUIDE = Path(__file__).parent.parent.parent / "docs" / "storefront.md"
PATIENCE = 60.0
"""Seconds for what goes on behind an answer: an order is confirmed a moment after it was placed."""


async def send(client: httpx.AsyncClient, step: Step, known: dict[str, str]) -> httpx.Response:
    """One request, with the values of earlier answers."""
    headers = {name: filled_in(value, known) for name, value in step.headers.items()}
    if step.body:
        headers["Content-Type"] = "application/json"
    return await client.request(
        step.method, filled_in(step.path, known), content=filled_in(step.body, known), headers=headers
    )


def untrue(step: Step, answer: httpx.Response) -> list[str]:
    """What the guide tells of this answer and is not so."""
    if answer.status_code != step.status:
        return [f"answered {answer.status_code}, told is {step.status}: {answer.text}"]
    return list(differences(step.answer, answer.json())) if step.answer is not None else []


def _may_become_true(step: Step, answer: httpx.Response) -> bool:
    """Whether it is only too early: as the guide says, a read is asked again, and so is a checkout that answers 202."""
    return step.method == "GET" or (answer.status_code == 202 and "Idempotency-Key" in step.headers)


async def test_the_guide_tells_the_truth(sample_house: House) -> None:
    """Given the sample shop, when the guide is followed to its end, then every answer is the one it shows."""
    known: dict[str, str] = {}
    followed = list(steps(GUIDE))
    async with httpx.AsyncClient(base_url=sample_house.root, timeout=60) as client:
        for step in followed:
            until = time.monotonic() + PATIENCE
            answer = await send(client, step, known)
            while untrue(step, answer) and _may_become_true(step, answer) and time.monotonic() < until:
                await anyio.sleep(0.2)
                answer = await send(client, step, known)
            assert untrue(step, answer) == [], f"{step.method} {step.path}"
            if answer.content:
                learn(answer.json(), known)
    told = {step.path.removeprefix("/api/v1/").partition("/")[0].partition("?")[0] for step in followed}
    assert {"auth", "products", "cart", "checkout", "orders"} <= told

"""The simulator as a process: killed without warning, it comes back with everything it answered for."""

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import stripe

from dev.stripe.remote import SimulatorControl
from tests.dev.stripe.wire import HELD, SECRET, Receiver, sdk

KEY: Any = {"idempotency_key": "order-1"}


@asynccontextmanager
async def simulator(state: Path, webhook: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A simulator process and its url; killed at the end if it still runs."""
    arguments = ("--port", "0", "--state", str(state), "--webhook", webhook, "--webhook-secret", SECRET)
    restricted = ("--webhook-events", "charge.succeeded,customer.created", "--webhook-retry", "0.05")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dev.stripe", *arguments, *restricted), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        yield process, line.decode().split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_killed_and_back(tmp_path: Path, receiver: Receiver) -> None:
    """kill -9 between authorization and capture: intent, key, clock, faults and undelivered webhooks survive."""
    state = tmp_path / "stripe.sqlite"
    async with simulator(state, "http://127.0.0.1:9/nobody") as (process, url):
        async with sdk(url) as client, SimulatorControl(url) as control:
            await control.advance(3600)
            intent = await client.v1.payment_intents.create_async(HELD | {"metadata": {"order": "1"}}, KEY)
            await control.fault("rate_limit", path="/v1/balance")
            while not any(delivery["attempts"] for delivery in await control.deliveries()):
                await asyncio.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    async with simulator(state, receiver.url) as (process, url):
        event = await receiver.next()
        assert (event.type, event.data.object["payment_intent"]) == ("charge.succeeded", intent.id)
        async with sdk(url) as client, SimulatorControl(url) as control:
            assert (
                await client.v1.payment_intents.create_async(HELD | {"metadata": {"order": "1"}}, KEY)
            ).id == intent.id
            assert len(await control.faults()) == 1
            assert (await control.ask("GET", "clock"))["advanced_seconds"] == 3600
            found = await client.v1.payment_intents.search_async({"query": "metadata['order']:'1'"})
            assert [item.id for item in found.data] == [intent.id]
            captured = await client.v1.payment_intents.capture_async(intent.id)
            assert captured.status == "succeeded"
            assert [line["captured"] for line in await control.ledger(order="1")] == [2000]
            assert await control.ledger(order="2") == []
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_killed_in_the_middle_of_payments(tmp_path: Path, receiver: Receiver) -> None:
    """Every payment that was answered is there; those cut off are found under their keys, once each."""
    state = tmp_path / "stripe.sqlite"
    answered: dict[int, str | None] = {}
    numbers = itertools.count()

    async def pay(client: stripe.StripeClient, number: int) -> str:
        options: Any = {"idempotency_key": f"order-{number}"}
        return (await client.v1.payment_intents.create_async(HELD, options)).id

    async def buy_on_and_on(client: stripe.StripeClient) -> None:
        for number in numbers:
            answered[number] = None
            try:
                answered[number] = await pay(client, number)
            except stripe.APIConnectionError:
                return

    async with simulator(state, receiver.url) as (process, url), sdk(url) as client:
        buyers = [asyncio.create_task(buy_on_and_on(client)) for _ in range(8)]
        while len(answered) < 40:
            await asyncio.sleep(0)
        process.kill()
        await asyncio.gather(*buyers)
    cut_off = [number for number, intent in answered.items() if intent is None]
    assert len(cut_off) == len(buyers)
    async with simulator(state, receiver.url) as (_, url), sdk(url) as client, SimulatorControl(url) as control:
        again = {number: await pay(client, number) for number in answered}
        assert all(intent in (None, again[number]) for number, intent in answered.items())
        lines = await control.ledger()
        assert sorted(line["payment_intent"] for line in lines) == sorted(again.values())
        assert {(line["charges"], line["authorized"]) for line in lines} == {(1, 2000)}


async def test_started_wrongly_says_why(tmp_path: Path) -> None:
    """A taken port and a webhook without a secret get one clear line."""

    async def fails(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dev.stripe", *arguments), stderr=asyncio.subprocess.PIPE
        )
        _, error = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, error.decode().splitlines()[-1]

    async with simulator(tmp_path / "s.sqlite", "http://127.0.0.1:9/") as (_, url):
        port = url.rpartition(":")[2]
        taken = await fails("--port", port)
    assert taken == (1, f"Stripe simulator: port {port} is taken")
    code, line = await fails("--port", "0", "--webhook", "http://127.0.0.1:9/")
    assert code == 2 and "--webhook needs --webhook-secret" in line

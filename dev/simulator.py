"""A payment provider's stand-in as a process of its own: what its command line says, and its life until a signal."""

import argparse
import asyncio
import contextlib
import errno
import signal
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import uvloop


def command_line(name: str, port: int, secret: str) -> argparse.ArgumentParser:
    """What every one of them is told: `port` is its usual one, `secret` what its signing secrets look like."""
    parser = argparse.ArgumentParser(
        prog=f"python -m dev.{name.lower()}", description=f"A strict stand-in for {name}'s API."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="0 takes a free port")
    parser.add_argument("--state", type=Path, help="SQLite file that keeps all state (default: in memory)")
    parser.add_argument("--webhook", default="", metavar="URL", help="where events are sent")
    parser.add_argument("--webhook-secret", default="", metavar=secret, help="signs the webhooks")
    parser.add_argument("--webhook-delay", type=float, default=0.0, metavar="SECONDS", help="from event to delivery")
    return parser


def given_to(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What it was told; its state's folder exists."""
    given = parser.parse_args()
    if given.webhook and not given.webhook_secret:
        parser.error("--webhook needs --webhook-secret: the receiver verifies every signature")
    if given.state is not None:
        given.state.parent.mkdir(parents=True, exist_ok=True)
    return given


def run(name: str, given: argparse.Namespace, serving: AbstractAsyncContextManager[str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_until_told(name, serving))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            sys.exit(f"{name} simulator: {f'port {given.port} is taken' if taken else error}")


async def _until_told(name: str, serving: AbstractAsyncContextManager[str]) -> None:
    stopping = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    async with serving as url:
        print(f"{name} simulator on {url}", flush=True)
        await stopping.wait()

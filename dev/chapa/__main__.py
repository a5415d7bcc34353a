"""`python -m dev.chapa`: the simulator as a process of its own."""

import argparse
import asyncio
import contextlib
import errno
import signal
import sys
from pathlib import Path

import uvloop

from dev.chapa.app import create_app, serving


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dev.chapa", description="A strict stand-in for Chapa's API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8008, help="0 takes a free port")
    parser.add_argument("--state", type=Path, help="SQLite file that keeps all state (default: in memory)")
    parser.add_argument("--webhook", default="", metavar="URL", help="where events are sent")
    parser.add_argument("--webhook-secret", default="", metavar="SECRET", help="signs the webhooks")
    parser.add_argument("--webhook-delay", type=float, default=0.0, metavar="SECONDS", help="from event to delivery")
    given = parser.parse_args()
    if given.webhook and not given.webhook_secret:
        parser.error("--webhook needs --webhook-secret: the receiver verifies every signature")
    return given


async def main(given: argparse.Namespace) -> None:
    if given.state is not None:
        given.state.parent.mkdir(parents=True, exist_ok=True)
    app = create_app(
        state=given.state, webhook_url=given.webhook, webhook_secret=given.webhook_secret,
        webhook_delay_seconds=given.webhook_delay,
    )  # fmt: skip
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    async with serving(app, given.host, given.port) as url:
        print(f"Chapa simulator on {url}", flush=True)
        await stopping.wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        given = arguments()
        try:
            runner.run(main(given))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            sys.exit(f"Chapa simulator: {f'port {given.port} is taken' if taken else error}")

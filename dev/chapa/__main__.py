"""`python -m dev.chapa`: the simulator as a process of its own."""

from dev import simulator
from dev.chapa.app import create_app, serving

if __name__ == "__main__":
    given = simulator.given_to(simulator.command_line("Chapa", 8008, "SECRET"))
    app = create_app(
        state=given.state, webhook_url=given.webhook, webhook_secret=given.webhook_secret,
        webhook_delay_seconds=given.webhook_delay,
    )  # fmt: skip
    simulator.run("Chapa", given, serving(app, given.host, given.port))

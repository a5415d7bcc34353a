"""`python -m dev.stripe`: the simulator as a process of its own."""

from dev import simulator
from dev.stripe.app import create_app, serving

if __name__ == "__main__":
    parser = simulator.command_line("Stripe", 8001, "whsec_…")
    parser.add_argument("--webhook-events", metavar="TYPE,TYPE", help="send only these (default: all)")
    parser.add_argument("--webhook-retry", type=float, default=1.0, metavar="SECONDS", help="first wait, then doubled")
    given = simulator.given_to(parser)
    app = create_app(
        state=given.state,
        webhook_url=given.webhook,
        webhook_secret=given.webhook_secret,
        webhook_events=given.webhook_events.split(",") if given.webhook_events else None,
        webhook_retry_seconds=given.webhook_retry,
        webhook_delay_seconds=given.webhook_delay,
    )
    simulator.run("Stripe", given, serving(app, given.host, given.port))

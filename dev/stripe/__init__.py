"""A strict stand-in for Stripe's API: real HTTP, real state machines, signed webhooks, and faults on order."""

"""A shop to look at: `python -m dev.seed` fills an empty database with goods, shipping and tax, and draws pictures."""

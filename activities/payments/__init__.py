"""All that speaks to Stripe: the money of orders, the cards that buyers keep there, and what both have in common."""

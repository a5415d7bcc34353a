"""A strict stand-in for Chapa's hosted checkout: it refuses what Chapa refuses, and has bad days on order."""

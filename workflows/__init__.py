"""Decides, waits and undoes; touches nothing. One process a file."""

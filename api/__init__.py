"""Speaks HTTP and decides nothing: every route is one conversion at the door, then a read or a message."""

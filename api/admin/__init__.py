"""What staff see and change. Every change is written down in its own transaction, see `changes.py`."""

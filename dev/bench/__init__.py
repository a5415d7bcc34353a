"""`make bench`: how the shop compares with the barest thing that could do the same, measured side by side."""

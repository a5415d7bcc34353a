"""What both processes agree on: values, words and permitted moves, rows, settings, wire format."""

"""Reports: what they are made of, which day they are of, and how they look as files."""

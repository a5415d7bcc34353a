"""Rows and all SQL, one file a word."""

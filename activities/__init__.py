"""Touches the world: one neighbour a function, each safe to run twice."""

"""Traces: what happens to a primitive when it is applied."""

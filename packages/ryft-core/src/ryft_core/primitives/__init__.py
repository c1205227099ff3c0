"""Primitives: each operation with all of its rules in one place."""

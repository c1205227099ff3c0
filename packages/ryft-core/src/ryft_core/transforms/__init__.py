"""Transformations: from functions to functions, and from programs to programs."""

"""Benchmarks: each compares Ryft with JAX, or with something that bounds it, in one run."""

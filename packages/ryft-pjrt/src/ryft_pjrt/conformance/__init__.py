"""Conformance of a plugin: checks of what PJRT can do, run in child processes, so that a plugin may crash."""

from ryft_pjrt.conformance.reports import Difference, Outcome, Report, Result
from ryft_pjrt.conformance.running import run_conformance

__all__ = ["Difference", "Outcome", "Report", "Result", "run_conformance"]

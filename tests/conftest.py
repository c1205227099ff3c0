"""Settings of all tests: Hypothesis sets no time limits, because the machine may be shared."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("ryft", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ryft")

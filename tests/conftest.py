"""
Settings that all tests share.

Hypothesis runs few examples by default, so that the whole suite stays short;
ANTS_COORD_PROFILE=deep searches for minutes.
"""

import os

from hypothesis import HealthCheck, settings

_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]

settings.register_profile(
    "quick", max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=_QUIET
)
settings.register_profile(
    "deep", max_examples=5_000, stateful_step_count=80, deadline=None, suppress_health_check=_QUIET
)
settings.load_profile(os.environ.get("ANTS_COORD_PROFILE", "quick"))

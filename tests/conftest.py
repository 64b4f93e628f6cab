"""
Settings that all tests share.

Hypothesis runs few examples by default, so that the whole suite stays short;
ANTS_COORD_PROFILE=deep searches for minutes.
"""

import os

from hypothesis import HealthCheck, settings

from .audit import places, watch

_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]

settings.register_profile(
    "quick", max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=_QUIET
)
settings.register_profile(
    "deep", max_examples=5_000, stateful_step_count=80, deadline=None, suppress_health_check=_QUIET
)
settings.load_profile(os.environ.get("ANTS_COORD_PROFILE", "quick"))

_refused = watch()


def _is_whole(config):
    narrowed = config.option.keyword or config.option.markexpr or getattr(config.option, "lf", False)
    return config.args_source == config.ArgsSource.TESTPATHS and not narrowed


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == 0 and _is_whole(session.config) and places() - _refused:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter, config):
    if _is_whole(config):
        missing = sorted(places() - _refused)
        told = f"refusals: {len(places()) - len(missing)} of {len(places())} places in the core have refused"
        terminalreporter.write_line(told + (f"; never: {missing}" if missing else ""))

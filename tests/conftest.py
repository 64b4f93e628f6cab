"""
Settings that all tests share: how many examples (tests/scale.py), and whether every refusal was reached.

With pytest-xdist the tests run in workers: each hands over the refusals that it
saw, and the process that started them judges the whole.
"""

import asyncio
import gc
import inspect
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from .audit import places, unsaid, watch
from .scale import PROFILE, of

settings.register_profile(
    PROFILE,
    max_examples=of(30, 100, 5_000),
    stateful_step_count=of(40, 40, 80),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile(PROFILE)

_refused = watch()


_LOOP_S = 120
"""a safety net for tests on an event loop; none waits for it"""

_TEST_S = 600
"""after this time a test that hangs fails, so that the others are run"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that hangs, where there are timers; where it hung was told by faulthandler_timeout."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return (yield)

    def over(*_):
        pytest.fail(f"{item.nodeid} took longer than {_TEST_S} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, _TEST_S, 10)  # again, if ending it hangs, too
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """
    Run a test in a generator, or, if it is an async function, on an event loop of its own.

    An exception that a trace function lands at the head of an `except` leaves the one that was being handled
    there for good: every later error of the thread would have it as its context, and other tests would see it
    in tracebacks. A generator has a place of its own for that, which goes with it.
    """
    test, names = pyfuncitem.obj, pyfuncitem._fixtureinfo.argnames
    given = {name: pyfuncitem.funcargs[name] for name in names}
    if not inspect.iscoroutinefunction(test):
        found = next(test(**given) for _ in (1,))
        assert found is None, "a test asserts; it returns nothing"
        return True

    async def run():
        async with asyncio.timeout(_LOOP_S):
            await test(**given)

    asyncio.run(run())
    return True


@pytest.fixture
def over_hub(tmp_path):
    """Return a function that has a hub serve a board, and makes a coordinator over it; see Served."""
    from .hub.running import Served

    served = Served(tmp_path)
    yield served
    served.close()


def _is_whole(config):
    narrowed = config.option.keyword or config.option.markexpr or getattr(config.option, "lf", False)
    return config.args_source == config.ArgsSource.TESTPATHS and not narrowed


def _spent_s():
    """Return the processor time of this process and of the programs that it has started and seen end."""
    return sum(os.times()[:4])


class _Collector:
    """The hook that takes over what workers of pytest-xdist have seen and spent; it exists only with xdist."""

    def __init__(self):
        self.spent_s, self._before_s = Counter(), _spent_s()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call):
        report = yield
        if call.when == "teardown":
            before_s, self._before_s = self._before_s, _spent_s()
            report.user_properties.append(("processor time", self._before_s - before_s))
        return report

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            folder = report.nodeid.partition("tests/")[2].partition("/")[0]
            self.spent_s[folder.partition("::")[0]] += dict(report.user_properties).get("processor time", 0.0)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        _refused.update(map(tuple, getattr(node, "workeroutput", {}).get("refused", ())))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Let a worker without tests take some of another's: else the last hundreds are one worker's alone."""
    if getattr(config.option, "dist", None) == "no" and config.option.numprocesses:
        config.option.dist = "worksteal"


def pytest_configure(config):
    config.pluginmanager.register(_Collector(), "ants_coord_account")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell's job in the background ignores it, and so would the programs that tests interrupt
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.dont_write_bytecode:
        _share_bytecode(config)


def _share_bytecode(config):
    """Let the programs that tests start keep what they compile until the run ends, and not beside the source."""
    folder = tempfile.mkdtemp(prefix="ants-coord-bytecode-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["PYTHONPYCACHEPREFIX"] = folder
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """
    Collect tests without collecting garbage, and let the collector pass over them for the rest of the run.

    Thousands of tests are a million objects that live to the end; to go through them was a sixth of the run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


_LONG = {"mutants", "typing", "jobs", "test_benchmarks"}
"""folders and files whose tests take seconds each"""


def pytest_collection_modifyitems(items):
    """Begin with what takes long: the worker that came to it at the end would be the only one at work."""
    items.sort(key=lambda item: _LONG.isdisjoint((item.path.parent.name, item.path.stem)))


def pytest_sessionfinish(session, exitstatus):
    worker = getattr(session.config, "workeroutput", None)
    if worker is not None:
        worker["refused"] = sorted(_refused)  # a worker has a part of the tests and judges nothing
    elif exitstatus == 0 and _is_whole(session.config) and (places() - _refused or unsaid(_refused)):
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter, config):
    if _is_whole(config):
        missing = sorted(places() - _refused)
        told = f"refusals: {len(places()) - len(missing)} of {len(places())} places in the core have refused"
        terminalreporter.write_line(told + (f"; never: {missing}" if missing else ""))
        if untold := sorted(unsaid(_refused)):
            terminalreporter.write_line(f"errors that no docstring of a verb names: {untold}")
        spent_s = config.pluginmanager.get_plugin("ants_coord_account").spent_s
        most = ", ".join(f"{folder} {seconds:.0f}" for folder, seconds in spent_s.most_common(10))
        terminalreporter.write_line(
            f"processor time of the tests: {spent_s.total():.0f} s; most of it: {most}"
        )

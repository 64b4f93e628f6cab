"""
The examples of docstrings, run as a reader would type them.

Those of the verbs use the names of `ants_coord`. Those for event loops use the names of `ants_coord.aio` as
well, and are typed at the prompt of `python -m asyncio`, which allows `await` everywhere.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import importlib
import inspect
from typing import Any

import ants_coord


def run(name: str) -> tuple[int, int]:
    """Run the examples of a module; returns how many failed and how many were tried."""
    module = importlib.import_module(name)
    is_for_loops = ".aio." in name
    known = {each: getattr(ants_coord, each) for each in ants_coord.__all__}
    if is_for_loops:
        known |= {each: getattr(ants_coord.aio, each) for each in ants_coord.aio.__all__}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module, name, extraglobs=known):
        if is_for_loops:
            _run_on_a_loop(runner, test)
        else:
            runner.run(test)
    return runner.failures, runner.tries


def _run_on_a_loop(runner: doctest.DocTestRunner, test: doctest.DocTest) -> None:
    with asyncio.Runner() as loop:

        def typed(source: str) -> None:
            code = compile(source, test.name, "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            answer: Any = eval(code, test.globs)
            if inspect.iscoroutine(answer):
                loop.run(answer)

        test.globs["typed"] = typed
        for example in test.examples:
            example.source = f"typed({example.source!r})\n"
        runner.run(test)

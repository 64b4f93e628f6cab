"""
Commands of strategies that users have added, as plain data and back.

Their fields may have any type that cattrs knows. The hooks here refuse what cattrs would convert by default
(None to "None", "abc" to a tuple of letters): a log that does not say exactly what was written must stop its
readers, not make them guess.
"""

from __future__ import annotations

import datetime as dt
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, get_args

import attrs
import cattrs
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from ...commands.plain_data import (
    Function,
    Strange,
    attributes,
    exactly,
    fixed,
    many,
    moment,
    number,
    refuse_unnamed,
    uses,
)
from ...core.strategies import added_parts, every_part
from ...values.settings import Settings
from ...values.tasks import Backoff, Task, TaskState
from ...values.verification import Verify

_named: dict[str, type] = {}
"""values by name: where they are used, some are only named for type checkers, so that importing stays
cheap"""
_BESIDE: dict[str, Any] = {"payload": override(omit=True), "parts": override(omit=True)}
"""what an entry has beside a task, and not in it"""


def _strictly(read: Function) -> Callable[[Any, Any], Any]:
    return lambda value, _: read(value)


def _tuple_hook(kind: Any) -> Callable[[Any, Any], Any]:
    arguments = get_args(kind)
    if arguments[1:] == (Ellipsis,):
        return _strictly(many(_reading(arguments[0])))
    return _strictly(fixed([_reading(each) for each in arguments]))


def _reading(kind: Any) -> Function:
    hook = _converter.get_structure_hook(kind)
    return lambda value: hook(value, kind)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False, omit_if_default=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _strictly(exactly(kind)))
    converter.register_structure_hook(float, _strictly(number))
    converter.register_structure_hook_factory(
        lambda kind: getattr(kind, "__origin__", None) is tuple, _tuple_hook
    )
    hooks: dict[Any, Function] = {
        float | dt.datetime | None: moment,
        Mapping[str, int] | None: uses,
        Mapping[str, int | float | str | bool]: attributes,
        Mapping[str, Any]: exactly(dict),
    }
    for kind, read in hooks.items():
        converter.register_structure_hook_func(partial(operator.eq, kind), _strictly(read))
    converter.register_structure_hook(TaskState, _strictly(TaskState))
    converter.register_unstructure_hook(dt.datetime, dt.datetime.isoformat)
    converter.register_unstructure_hook_func(
        lambda kind: kind == float | dt.datetime | None,
        lambda value: value.isoformat() if isinstance(value, dt.datetime) else value,
    )
    return converter


def learn_values(values: Iterable[type]) -> None:
    """Learn values that commands may carry; those that others consist of come first."""
    known = list(dict.fromkeys(values))
    _named.update({value.__name__: value for value in known})
    for value in known:
        attrs.resolve_types(value, {**vars(sys.modules[value.__module__]), **_named})
    for value in known:
        structure: Any = make_dict_structure_fn(
            value, _converter, _cattrs_forbid_extra_keys=True, **(_BESIDE if value is Task else {})
        )
        _converter.register_structure_hook(value, partial(_task, structure) if value is Task else structure)


def _task(structure: Callable[[Any, Any], Any], value: Any, kind: Any) -> Any:
    refuse_unnamed(value)
    return structure(value, kind)


def compiled(kind: Any) -> tuple[Any, Function, Function]:
    """Return (command, function from plain data to the command, function from the command to plain data)."""
    attrs.resolve_types(kind, {**vars(sys.modules[kind.__module__]), **_named})
    structure = make_dict_structure_fn(kind, _converter, _cattrs_forbid_extra_keys=True)

    def read(given: Any) -> Any:
        try:
            return structure(given, kind)
        except ForbiddenExtraKeysError as problem:
            raise Strange(problem.extra_fields) from problem

    return kind, read, make_dict_unstructure_fn(kind, _converter, _cattrs_omit_if_default=True)


_converter = _make_converter()
learn_values(
    [Backoff, Verify, Task, *[value for part in every_part() for value in part.values], Settings,
     *[value for part in added_parts() for value in part.values]]
)  # fmt: skip
_converter.register_unstructure_hook(
    Task, make_dict_unstructure_fn(Task, _converter, _cattrs_omit_if_default=True, **_BESIDE)
)

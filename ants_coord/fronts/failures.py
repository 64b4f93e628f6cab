"""
What is kept of an exception: a one-line summary, and the end of its traceback.

The text of an exception is foreign code: it may raise, be endless, or hold
characters that no journal can keep. Nothing in this module raises.
"""

from __future__ import annotations

import os
import signal
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
_MESSAGE_CHARS = 400
_TRACE_CHARS = 4_000
_TRACE_FRAMES = 30
_HEAD = "Traceback (most recent call last):\n"
_USERS, _OF_OTHERS, _OF_PYTHON, _OF_THIS = range(4)


def logger() -> logging.Logger:
    """Return the logger "ants_coord"; it is only needed in trouble, and importing logging takes 8 ms."""
    import logging  # noqa: PLC0415

    return logging.getLogger("ants_coord")


def _clean(text: str) -> str:
    """Return text that is valid UTF-8 and holds no NUL, as journals and databases want it."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def reason_text(error: BaseException) -> str:
    """Return the message of an exception, or a stand-in if its text cannot be made."""
    try:
        return _clean(str(error))
    except Exception as problem:  # noqa: BLE001 - foreign code
        return f"(its text cannot be made: {type(problem).__name__})"


def summary(error: BaseException) -> str:
    """Return an exception as one short line: type, message, and the line of user code that it came from."""
    text = reason_text(error).replace("\n", " ")
    if len(text) > _MESSAGE_CHARS:
        text = f"{text[: _MESSAGE_CHARS - 3]}..."
    return f"{type(error).__name__}: {text}{_place(error)}"


def _place(error: BaseException) -> str:
    """
    Return " at file:line" of the innermost frame of the user's code, or as near to it as there is; or "".
    """
    best, place = _OF_THIS, ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        owner = _owner(name)
        # a later frame is further in: among equally good ones, the last is where it happened. Our own frames
        # are never named: a line of ours does not tell anybody what to mend
        if owner < _OF_THIS and owner <= best:
            best, place = owner, f" at {os.path.basename(name)}:{line}"
    return place


def _owner(filename: str) -> int:
    if filename.startswith(_OURS):
        return _OF_THIS
    if any(mark in filename for mark in _INSTALLED):
        return _OF_OTHERS
    if filename.startswith((_STANDARD, "<frozen ")):
        return _OF_PYTHON
    return _USERS


def users_part(error: BaseException) -> TracebackType | None:
    """Return the traceback of an exception from the first frame that is not ours; None if all are."""
    trace = error.__traceback__
    while trace is not None and _owner(trace.tb_frame.f_code.co_filename) == _OF_THIS:
        trace = trace.tb_next
    return trace


def trace_of(error: BaseException) -> str:
    """Return the traceback below our own frames; at most 30 frames of each cause, 4,000 characters in all."""
    trace = users_part(error)
    if trace is None:
        return ""
    try:
        lines = traceback.format_exception(type(error), error, trace, limit=-_TRACE_FRAMES)
    except Exception:  # noqa: BLE001 - foreign code
        return ""
    text = _clean("".join(lines)).rstrip("\n")
    if len(text) > _TRACE_CHARS:
        text = f"{_HEAD}  ...\n{text[len(_HEAD) + 6 - _TRACE_CHARS :]}"
    return text


def is_stop(error: BaseException) -> bool:
    """
    Tell whether an exception means that the program is being stopped, not that the work went wrong.

    sys.exit() in a handler is the handler's own failure (argparse and many tools call it): otherwise a task
    that exits would be retried for ever at no cost. The same exception from a signal handler is a request to
    stop; the frame of that handler tells the two apart.
    """
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return True
    if not isinstance(error, SystemExit):
        return False
    codes = {getattr(signal.getsignal(one), "__code__", None) for one in signal.valid_signals()} - {None}
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__))

"""The docstrings of public verbs are complete: what a verb takes, returns and raises, and an example that runs."""

from __future__ import annotations

import builtins
import inspect
import re

import pytest

from ants_coord import aio, errors, sync

from ..audit import unsaid
from .test_docs import MODULES

COLOURS = {
    "asyncio": (aio.Blackboard, aio.Membership, aio.BoardMembership),
    "threads": (sync.Blackboard, sync.Membership, sync.BoardMembership),
}
"""the classes that between them have every verb which is written by hand, and its twin"""
RAISE_NOTHING_OF_THEIR_OWN = {
    "adopt", "as_agent", "briefing", "claim_many", "close", "entries", "explain_agent", "find", "history", "holder",
    "keep_alive", "leases", "limit", "offers", "pause", "purse", "reactions", "read", "release_all", "resume", "retire", "roll_back",
    "sense", "settings", "standing", "statistics", "strongest", "thresholds", "unreact", "vouch", "withdraw",
}  # fmt: skip
"""verbs that raise only what every verb may raise, which the docstring of Board says"""
_SECTION = re.compile(r"^(Args|Returns|Yields|Raises|Example):\n((?:    .*\n|\n)*)", re.MULTILINE)


def verbs(colour):
    found = {}
    for cls in COLOURS[colour]:
        for name, member in inspect.getmembers(cls):
            verb = getattr(member, "__func__", member)
            # the handles have the coordinators' docstrings, without the examples
            is_by_hand = inspect.isfunction(verb) and not verb.__module__.endswith("agent")
            if is_by_hand and not name.startswith("_"):
                found[verb.__qualname__] = verb
    return found.items()


ALL = [pytest.param(verb, id=f"{colour}-{name}") for colour in COLOURS for name, verb in verbs(colour)]


def sections(verb):
    return dict(_SECTION.findall(inspect.cleandoc(verb.__doc__) + "\n"))


def test_every_verb_is_looked_at():
    assert len(ALL) > 140
    assert {verb.values[0].__name__ for verb in ALL} >= RAISE_NOTHING_OF_THEIR_OWN


@pytest.mark.parametrize("verb", ALL)
def test_a_verb_tells_what_it_takes_returns_and_raises_and_shows_it(verb):
    told, spec = sections(verb), inspect.signature(verb)
    arguments = [name for name in spec.parameters if name not in ("self", "cls")]
    assert re.findall(r"^    (\w+): ", told.get("Args", ""), re.MULTILINE) == arguments
    answers = "Yields" if "Iterator[" in spec.return_annotation else "Returns"
    assert (answers in told) is (spec.return_annotation != "None")
    assert ("Raises" in told) is (verb.__name__ not in RAISE_NOTHING_OF_THEIR_OWN)
    assert 3 <= len(told["Example"].split("\n    ")) <= 9
    assert ">>> " in told["Example"]
    assert verb.__module__ in MODULES  # so it runs


@pytest.mark.parametrize("verb", ALL)
def test_what_a_verb_raises_exists(verb):
    for names in re.findall(r"^    (\w+(?:,\s+\w+)*): ", sections(verb).get("Raises", ""), re.MULTILINE):
        for name in re.split(r",\s+", names):
            kind = getattr(errors, name, None) or getattr(builtins, name)
            assert issubclass(kind, Exception)


def test_an_error_that_no_docstring_names_is_found():
    """The whole run of the tests judges by this what the core has refused."""
    told = {("Claim", "TaskNotFoundError"), ("Renew", "RequestTooOld"), ("work/leases.py", 148)}
    untold = {("Claim", "PurseError"), ("Pause", "LimitError"), ("Find", "TaskNotFoundError")}
    assert unsaid(told | untold) == untold

"""Commands as bytes: what was written is read, and nothing else is."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import Backoff, Task
from ants_coord.commands.shared import Claim, Complete, Configure, Fail, LockNames, Renew, Submit, submission
from ants_coord.core.machine import COMMANDS
from ants_coord.journals.codec import decode, encode
from ants_coord.values.settings import Settings

names = st.from_regex(r"[A-Za-z0-9._:/@-]{1,12}", fullmatch=True)
numbers = st.integers(0, 1 << 50)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
moments = st.floats(0, 1e6) | st.datetimes(timezones=st.just(dt.UTC))
tasks = st.builds(
    Task, names, kind=names, payload=plain, priority=st.integers(-99, 99), needs=st.lists(names, unique=True, max_size=2),
    delay=st.none() | moments, finish_by=st.none() | moments, max_attempts=st.none() | st.integers(1, 9),
    backoff=st.none() | st.builds(Backoff, st.floats(0, 9), st.floats(0, 99)), key=st.none() | names,
    limit=st.none() | names, tags=st.lists(names, unique=True, max_size=2),
    uses=st.none() | st.dictionaries(names, st.integers(1, 9), max_size=2),
    if_need_fails=st.sampled_from(["cancel", "run"]),
)  # fmt: skip
commands = (
    st.lists(tasks, max_size=3).map(lambda found: submission(tuple(found)))
    | st.builds(Claim, names, st.none() | st.tuples(names), st.none() | names, st.none() | numbers)
    | st.builds(Renew, st.lists(st.tuples(names, numbers), max_size=3).map(tuple), st.none() | numbers)
    | st.builds(Complete, names, numbers, plain, st.sampled_from(["refuse", "accept"]))
    | st.builds(Fail, names, numbers, names, st.booleans(), st.none() | numbers)
    | st.builds(
        LockNames, st.lists(names, min_size=1, max_size=3, unique=True).map(tuple), names, st.none() | numbers
    )
    | st.builds(Configure, st.builds(Settings, lease_ttl=st.floats(0.1, 99)), st.booleans())
)


@given(commands, names, numbers)
def test_what_is_written_is_read(command, session, number):
    """Encode, decode: equal, payloads apart from the tasks that carried them."""
    request, read = decode(encode((session, number), command))
    assert request == (session, number)
    if isinstance(command, Submit):
        assert read.payloads == command.payloads  # type: ignore[attr-defined]
        assert [task.id for task in read.tasks] == [task.id for task in command.tasks]  # type: ignore[attr-defined]
        assert encode(request, read) == encode(request, command)
    else:
        assert read == command


def test_every_command_has_a_codec():
    """No command can be made that cannot be logged."""
    for kind in COMMANDS:
        with pytest.raises((TypeError, KeyError, ValueError)):
            decode(json.dumps(["s", 1, kind.__name__, {"no such field": 1}]).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"[1,2,3,4]", b'["s",1,"Nope",{}]', b'["s",1,"Claim",{"agent":5}]', b'["s",1,"Claim",{}]',
        b'["s",true,"Claim",{"agent":"a"}]', b'["s",1,"Complete",{"task":"t","token":NaN}]',
        b'["s",1,"Complete",{"task":"t","token":1,"result":{"a":[1e999]}}]',
        b'["s",1,"Complete",{"task":"t","token":1,"result":-1.5e400}]',
        b'["s",1,"Claim",{"agent":"a","kinds":"abc"}]',
        b'["s",1,"Submit",{"tasks":[{"kind":"a"}],"payloads":[null]}]',
        b'["s",1,"Submit",{"tasks":[{"id":""}],"payloads":[null]}]',
        b'["s",1,"Renew",{"leases":[["t"]]}]', b'["s",1,"Submit",{"tasks":[],"payloads":[1]}]', b"\xff\xfe",
    ],
)  # fmt: skip
def test_anything_else_is_refused(body):
    """Only the documented errors: a reader turns them into JournalCorruptError."""
    with pytest.raises((ValueError, TypeError, KeyError)):
        decode(body)

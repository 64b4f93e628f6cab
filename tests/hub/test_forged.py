"""Lines that somebody forges who has one agent's key, or none: each command, query and word of the protocol."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import ants_coord.commands
from ants_coord import Advert, Blackboard, Mark, Task
from ants_coord.commands.board import (
    Changes,
    Deposit,
    Diffuse,
    Entries,
    Erase,
    History,
    React,
    Reactions,
    Read,
    RollBack,
    Sense,
    Strongest,
    Take,
    Thresholds,
    Unreact,
    Write,
)
from ants_coord.commands.matching import Advertise, Agents, Offers, Refresh, Retire, WhyNot, Withdraw
from ants_coord.commands.purses import SetPurse, Spend
from ants_coord.commands.reading import (
    BriefingOf,
    Events,
    Explain,
    ExplainAgent,
    Find,
    Holder,
    Leases,
    Outcomes,
    SettingsOf,
    StandingOf,
    StatisticsOf,
    Tasks,
    Unfinished,
)
from ants_coord.commands.shared import (
    Adopt,
    Cancel,
    Claim,
    ClaimMany,
    Command,
    Complete,
    CompleteMany,
    Configure,
    Decline,
    EndOpening,
    Fail,
    Granting,
    LockNames,
    Note,
    Pause,
    Query,
    Release,
    ReleaseAll,
    Renew,
    Requeue,
    Resume,
    SetLimit,
    Split,
    Submit,
    Upgrade,
    Vouch,
    Wakeup,
    submission,
)
from ants_coord.errors import ForeignLeaseError, WrongKeyError
from ants_coord.values.reactions import Reaction
from ants_coord.values.settings import Settings
from tests.fronts.conftest import LIMIT_S, Background, until

from .by_hand import SECRET, Hand, over, reply_of
from .running import running


@pytest.fixture
def address(tmp_path):
    return tmp_path / "hub"


@pytest.fixture
def board():
    with Blackboard(secret=SECRET, lease_ttl=30) as made:
        yield made


def forged(token, lock):
    """Return each command in ann's name, or in nobody's, as somebody would forge it who knows her tokens."""
    mark = Mark("m", "p")
    return [
        Configure(Settings()), Upgrade(()), submission((Task("new"),)), Split("a", token, ("x",), (Task("x"),), (None,)),
        Claim("ann"), ClaimMany("ann", 2), Renew((("a", token),)), Renew((("a", token),), agents=("ann",)),
        Renew((("lock:n", lock),)), Complete("a", token), Complete("a", token, agent="ann"),
        Complete("a", token, late="accept"), CompleteMany((("a", token, 1),)),
        CompleteMany((("a", token, 1),), agent="ann"), Fail("a", token, "no"), Fail("a", token, "no", agent="ann"),
        Release("a", token), Release("a", token, agent="ann"), Release("lock:n", lock),
        Release("lock:n", lock, agent="ann"), Decline("ann", "a", token=token), ReleaseAll("ann"),
        Adopt("ann", force=True), EndOpening("@opening"), Note("a", token, 1), Note("a", token, 1, agent="ann"),
        Cancel("a"), Requeue("a"), SetLimit("l", 1), Pause(), Resume(), LockNames(("m",), "ann"),
        Vouch("ann", "p", "bob"), Wakeup(), Advertise(Advert("ann")), Refresh((("ann", 1),)), Withdraw("ann"),
        Retire("ann"), Deposit(mark, "ann"), Diffuse("m", (("p", ("q",)),), 0.5, "ann"), Write("p", 2, "ann"),
        Take("p", "ann"), Erase("p", "ann"), React(Reaction("r", "p/*", Task())), Unreact("r"),
        RollBack("ann", by="bob"), SetPurse("m", 1), Spend("a", token, "m", 1),
        Spend("a", token, "m", 1, agent="ann"),
    ]  # fmt: skip


ASKED = [
    Find("a"), Tasks(), Outcomes(("a",)), Unfinished(), Leases(), Leases("ann"), Holder("n"), Explain("a"),
    ExplainAgent("ann"), StandingOf("ann"), BriefingOf("ann"), SettingsOf(), StatisticsOf(), Events(), Agents(),
    Offers("ann"), WhyNot("a", "ann"), Sense("p"), Strongest(), Thresholds("ann"), Read("p"), Entries(), History("p"),
    Changes("", None), Reactions(),
]  # fmt: skip
OPEN = {Find, SettingsOf, Tasks, Outcomes, Explain, Sense, Strongest, Read, Entries, History, Changes}


def every(base):
    """Return each command, or query, that the package has."""
    found = {
        kind
        for page in pkgutil.iter_modules(ants_coord.commands.__path__, "ants_coord.commands.")
        for kind in vars(importlib.import_module(page.name)).values()
        if isinstance(kind, type) and issubclass(kind, base)
    }
    return found - {Command, Granting, Query}


def held_by_ann(board):
    """Let ann hold a task and a lock, and write an entry; return both tokens."""
    board.submit_many([Task("a"), Task("b")])
    board.write("p", 1, agent="ann")
    return board.claim_nowait("ann").token, board.lock_nowait("n", agent="ann").token


def test_no_command_acts_for_an_agent_whose_key_was_not_shown(board, address):
    """Each one that there is, from nobody and from another agent, at once and in the line."""
    token, lock = held_by_ann(board)
    commands = forged(token, lock)
    assert {command.__class__ for command in commands} == every(Command)
    with (
        running(board, address, keys=True),
        Hand(address, board) as nobody,
        Hand(address, board, "bob") as bob,
    ):
        for hand in (nobody, bob):
            before, events = board._engine.digest(), board._engine.ask(Events())
            for command in commands:
                if hand is bob and isinstance(command, Submit):
                    continue  # anybody with a key may
                for answer in (
                    hand.ask(command),
                    hand.wait(command),
                    hand.wait(command, ready=True, agent="ann"),
                ):
                    if isinstance(command, Renew) and isinstance(answer, tuple):
                        assert [one.reason for one in answer] == ["foreign"], command
                        continue
                    assert isinstance(answer, (WrongKeyError, ForeignLeaseError, ValueError)), (
                        command,
                        answer,
                    )
                    if hand is nobody:
                        assert isinstance(answer, WrongKeyError) or "open the board" in str(answer), (
                            command,
                            answer,
                        )
            assert board._engine.digest() == before or hand is bob  # his are refused by the core, and logged
            assert board._engine.ask(Events()) == events
    assert sorted(lease.token for lease in board.leases()) == sorted([token, lock])


def test_no_query_tells_of_another_agent(board, address):
    """What no handle can ask is refused; what names ann too; the rest needs some key."""
    held_by_ann(board)
    assert {query.__class__ for query in ASKED} == every(Query)
    with (
        running(board, address, keys=True),
        Hand(address, board) as nobody,
        Hand(address, board, "bob") as bob,
    ):
        for query in ASKED:
            for answer in (nobody.ask(query), nobody.wait(query)):
                assert isinstance(answer, WrongKeyError) or "open the board" in str(answer), query
            for answer in (bob.ask(query), bob.wait(query)):
                if query.__class__ in OPEN or query == Leases():
                    assert not isinstance(answer, Exception), (query, answer)
                else:
                    assert isinstance(answer, (WrongKeyError, ValueError)), (query, answer)


def test_no_other_line_touches_what_another_agent_holds(board, address):
    """Withdrawals, byes, watches, places in the line; and nobody is hung up on."""
    token, lock = held_by_ann(board)
    with running(board, address, keys=True) as hub, over(address) as queue:
        ann = queue.handle("ann")
        waits = Background(ann.claim, kinds=("rare",), timeout=LIMIT_S)
        until(lambda: any(peer.waits for peer in list(hub._peers)))
        client = queue._engine._dial.client
        ann.claim_nowait(task="b")
        (lane,) = [lane for lane in queue._engine._lanes._all.values() if lane.session.number]
        granted, named = lane.session.name, "her-own-id"
        ann.lock_nowait("o", request_id=named)
        for names in ((), ("bob",)):
            with Hand(address, board, *names) as hand:
                leases = [["a", token], ["lock:n", lock]]
                for client_said in (client, "some other"):
                    hand.say("bye", client_said, [[granted, number, 1] for number in range(1, 4)], leases)
                with Hand(address, board, *names, purpose="push", client=client) as push:
                    push.say("withdraw", [[granted, number, 1] for number in range(1, 4)])
                    answer = reply_of(push.say("keep", token, "a"))
                    assert isinstance(answer, WrongKeyError)
                    assert not any(peer.kept for peer in list(hub._peers) if "ann" not in peer.names)
                    answer = push.wait(Find("a"), ready=True, agent="ann")
                    assert isinstance(answer, WrongKeyError)
                for row in (
                    [named, 0, 0],
                    [f"={named}", 1, 0],
                    ["@opening", 1, 0],
                    ["", 1, 0],
                    [granted, -1, 0],
                ):
                    assert isinstance(reply_of(hand.say("withdraw", [row])), (WrongKeyError, ValueError)), row
                for word in ("check", "digest"):
                    assert "open the board itself" in str(reply_of(hand.say(word)))
                if not names:
                    for line in (("still", {}, 0, 0), ("bye", client, [], []), ("withdraw", [])):
                        assert isinstance(reply_of(hand.say(*line)), WrongKeyError), line
                assert isinstance(reply_of(hand.say("key", "ann", "a guess")), WrongKeyError)
                assert isinstance(reply_of(hand.say("key", "ann", board.key_of("bob"))), WrongKeyError)
                assert "not said with" in str(reply_of(hand.say("key", "ann")))
        assert {lease.task for lease in board.leases()} == {"a", "b", "lock:n", "lock:o"}
        assert sum(len(peer.waits) for peer in list(hub._peers)) == 1
        board.submit(Task("r", kind="rare"))
        assert waits.get().agent == "ann"


def test_no_line_uses_the_name_of_an_opening_or_of_anothers_request(board, address):
    """Neither may a client, at any hub: more replies than a session keeps would push out the first one."""
    with running(board, address), Hand(address, board) as hand:
        board.submit(Task("a"))
        lease = hand.say("call-1", 0, "Claim", {"agent": "ann"})
        for number in (1, 200, -1):
            for session in ("=call-1", "@home", ""):
                answer = reply_of(hand.say(session, number, "Note", {"task": "a", "token": 1, "note": 1}))
                assert "there is no request" in str(answer)
        assert hand.say("call-1", 0, "Claim", {"agent": "ann"}) == lease

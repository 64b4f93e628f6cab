"""What can be seen of a board: a tap, spans, traces, metrics, a page, a live view."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ants_coord import Backoff, Blackboard, ClaimQueue, Mark, Task, TrustPolicy, Verify
from ants_coord.adapters.prometheus import text
from ants_coord.adapters.report import html
from ants_coord.adapters.spans import spans
from ants_coord.adapters.tap import LoggingSink, Tap
from ants_coord.adapters.trace import chrome
from ants_coord.testing import ManualClock
from ants_coord.testing.simulation.clock import START_NS
from tests.cli.command import ENVIRONMENT, ants
from tests.scale import of

LIMIT_S = 120


class Seen(list):
    """A sink that notes what it is told."""

    def event(self, event):
        self.append((event.cursor, event.type))

    def gap(self, first, last):
        self.append((first, last))


@pytest.fixture
def run():
    """A run in which everything happens that a lease can come to."""
    clock = ManualClock()
    board = ClaimQueue(clock=clock, lease_ttl=10, backoff=Backoff(first=0.0))
    board.submit_many([Task("a", kind="code"), Task("b", needs=("a",)), Task("c"), Task("d"), Task("e")])
    board.fail(board.claim("ann", task="a"), "boom")
    clock.advance(1)
    late = board.claim("bob", task="c")
    clock.advance(10)  # bob falls silent
    board.complete(board.claim("cid", task="c"), 1)
    board.complete(board.claim("ann", task="a"), 1)
    board.release(board.claim("cid", task="b"))
    lock = board.lock_nowait("f.py", "g.py", agent="ann")
    board.cancel("d")
    clock.advance(2)
    board.release(lock)
    board.claim("dan", task="e")
    yield board
    assert late.agent == "bob"
    board.close()


def test_every_lease_is_a_span(run):
    """Each lease tells who held what, which attempt, how it ended, how long it had been waited for."""
    found = [(s.name, s.agent, s.attempt, s.how, s.kind, s.is_lock) for s in spans(run.events())]
    assert found == [
        ("a", "ann", 1, "retried", "code", False),
        ("c", "bob", 1, "expired", "default", False),
        ("c", "cid", 2, "completed", "default", False),
        ("a", "ann", 2, "completed", "code", False),
        ("b", "cid", 1, "released", "default", False),
        ("f.py, g.py", "ann", 0, "unlocked", "", True),
        ("e", "dan", 1, "open", "default", False),
    ]
    retried, lost = spans(run.events())[:2]
    assert (retried.detail, lost.waited_ns, lost.end_ns - lost.start_ns) == ("boom", 10**9, 10 * 10**9)


def test_a_check_is_told_from_work():
    """Looking at somebody's result is a lease, too."""
    with ClaimQueue(trust=TrustPolicy(), secret=b"12345678") as board:
        board.submit(Task("a", verify=Verify.by_check()))
        board.complete(board.claim("ann"), 1)
        board.complete(board.claim("bob"), True)
        assert [(s.agent, s.is_check, s.how) for s in spans(board.events())] == [
            ("ann", False, "handed in"), ("bob", True, "completed"),
        ]  # fmt: skip


def counter_of(trace):
    """Return the number of READY tasks that a trace shows: instant -> number from then on."""
    records = json.loads(trace)["traceEvents"]
    return {START_NS + round(one["ts"] * 1_000): one["args"]["tasks"] for one in records if one["ph"] == "C"}


@settings(max_examples=of(15, 100, 1_000), deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["claim", "complete", "fail", "release", "wait", "lock"]), st.integers(0, 3)
        )
    )
)
def test_spans_account_for_every_lease(steps):
    """Any history: as many spans as leases, each ends at most once, open ones are the live ones."""
    clock = ManualClock()
    with ClaimQueue(clock=clock, lease_ttl=5, backoff=Backoff(first=0.0), max_attempts=2) as board:
        board.submit_many([Task(f"t{n}") for n in range(4)])
        held, ready = [], {}
        for what, number in steps:
            ready[clock.now_ns()] = board.statistics().tasks["ready"]
            if what == "claim":
                held += [lease] if (lease := board.claim_nowait(f"agent-{number}")) else []
            elif what == "wait":
                clock.advance(number * 2)
            elif what == "lock" and board.holder(f"n{number}") is None:
                held.append(board.lock_nowait(f"n{number}", agent=f"agent-{number}"))
            elif held and what in ("complete", "fail", "release"):
                lease = held.pop(number % len(held))
                if lease.token not in {live.token for live in board.leases()}:
                    continue
                if lease.names or what == "release":
                    board.release(lease)
                elif what == "complete":
                    board.complete(lease)
                else:
                    board.fail(lease, "no")
        ready[clock.now_ns()] = board.statistics().tasks["ready"]
        events = list(board.events())
        found = spans(events)
        assert len(found) == sum(event.type in ("claimed", "locked") for event in events)
        assert {s.token for s in found if s.end_ns is None} == {lease.token for lease in board.leases()}
        assert all(s.end_ns is None or s.end_ns >= s.start_ns for s in found)
        shown, counter = 0, counter_of(chrome(events))
        for at_ns in sorted({*counter, *ready}):
            shown = counter.get(at_ns, shown)
            if at_ns in ready:
                assert shown == ready[at_ns]
        assert html(board).count("<rect") == len(found)


def test_a_tap_hands_over_each_event_once(run, caplog):
    """In order, also across taps with a cursor kept; a sink that fails stops nobody."""

    class Broken:
        def event(self, event):
            raise ZeroDivisionError

    seen = Seen()
    tap = Tap(run, [Broken(), seen, LoggingSink()])
    caplog.set_level(logging.INFO)
    assert tap.drain() == run.statistics().cursor
    assert [cursor for cursor, _ in seen] == list(range(1, tap.cursor + 1))
    assert tap.drain() == 0
    run.submit(Task("more"))
    assert Tap(run, [seen], since=tap.cursor).drain() == 1
    assert seen[-1] == (tap.cursor + 1, "submitted")
    assert "expired task=c agent=bob" in caplog.text
    assert "a sink failed at event 1" in caplog.text


def test_a_tap_that_comes_too_late_says_so():
    """Trimmed events are a gap with its bounds, and the tap goes on behind it."""
    with ClaimQueue(event_count=16) as board:
        seen = Seen()
        tap = Tap(board, [seen])
        tap.drain()
        board.submit_many([Task(f"t{n}") for n in range(400)])
        for _ in range(200):
            board.pause()
            board.resume()
        tap.drain()
        first, last = next(pair for pair in seen if isinstance(pair[1], int))
        assert first == 2
        assert tap.missed == last - first + 1 > 0
        assert seen[-1][0] == tap.cursor == board.statistics().cursor


def test_a_trace_nests_and_counts(run):
    """Every begin has its end on the same row; the counter never falls below zero."""
    records = json.loads(chrome(run.events()))["traceEvents"]
    begun, ended = ([r["id"] for r in records if r["ph"] == phase] for phase in "be")
    assert sorted(begun) == sorted(ended)
    assert len(begun) == 7
    assert all(r["args"]["tasks"] >= 0 for r in records if r["ph"] == "C")
    assert {r["args"]["name"] for r in records if r["ph"] == "M"} == {"ann", "bob", "cid", "dan"}
    assert json.loads(chrome([])) == {"traceEvents": [], "displayTimeUnit": "ms"}


def test_metrics_are_what_prometheus_reads(run):
    """Its own parser takes them; the numbers are the board's."""
    parser = pytest.importorskip("prometheus_client.parser")
    families = {family.name: family for family in parser.text_string_to_metric_families(text(run))}
    tasks = {sample.labels["state"]: sample.value for sample in families["ants_tasks"].samples}
    assert tasks == run.statistics().tasks
    ended = {sample.labels["how"]: sample.value for sample in families["ants_leases_ended"].samples}
    assert ended == {"completed": 2, "failed": 1, "expired": 1, "released": 1}


def test_spans_for_opentelemetry():
    """One span a lease with the board's stamps, an error where it was lost, a link to the attempt before, the submitter's trace."""
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from ants_coord.adapters.otel import TRACEPARENT, OTelSink

    exporter, reader, provider = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader])
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    clock = ManualClock()
    with ClaimQueue(clock=clock, backoff=Backoff(first=0.0)) as board:
        sink = OTelSink(provider.get_tracer("test"), meters.get_meter("test"), board)
        tap = Tap(board, [sink])
        board.submit(Task("a", kind="code", tags=(f"{TRACEPARENT}00-{trace_id}-00f067aa0ba902b7-01",)))
        board.fail(board.claim("ann"), "boom")
        tap.drain()
        clock.advance(3)
        lease = board.claim("bob")
        clock.advance(2)
        board.complete(lease)
        tap.drain()
        sink.gap(1, 2)
    one, two = exporter.get_finished_spans()
    assert (one.name, one.status.status_code.name, one.status.description) == (
        "process code",
        "ERROR",
        "retried: boom",
    )
    assert (two.status.status_code.name, two.end_time - two.start_time) == ("UNSET", 2 * 10**9)
    assert [link.context.span_id for link in two.links] == [one.context.span_id]
    assert {f"{span.context.trace_id:032x}" for span in (one, two)} == {trace_id}
    assert two.attributes["gen_ai.agent.name"] == "bob"
    names = {
        metric.name
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert names == {"ants.lease.duration", "ants.task.wait"}
    provider.shutdown()
    meters.shutdown()


class Tags(HTMLParser):
    """What a page consists of; complains about what is not closed."""

    VOID = frozenset({"meta", "line"})

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.links = [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_is_whole_small_and_escaped(tmp_path):
    """A thousand leases in less than 150 kB; nothing that an agent wrote is obeyed; nothing is loaded."""
    with ClaimQueue(tmp_path / "<b>board.db") as board:
        board.submit_many([Task(f"task/{n}") for n in range(1_000)])
        for n in range(0, 1_000, 50):
            leases = board.claim_many(f"agent-{n % 7}", 50)
            board.complete_many([(lease, None) for lease in leases])
        page = html(board, account="2 < 3")
        assert len(page.encode()) < 150_000
        assert page.count("<rect") == 1_000
        board.submit(Task("<script>alert(1)</script>"))
        board.fail(board.claim("eve"), "</table><img src=x>", retry=False)
        page = html(board)
        tags = Tags(page)
        assert not {"script", "img", "b"} & set(tags.seen)
        assert tags.links == []
        assert "&lt;/table&gt;&lt;img" in page


def test_a_page_of_an_empty_board_says_so():
    """No events is no error."""
    with ClaimQueue() as board:
        page = html(board)
        Tags(page)
        assert "Nobody has held anything yet" in page


def test_the_page_in_a_browser(tmp_path, run):
    """A real browser shows the bars where they belong: the page is asked after it was laid out."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    page = tmp_path / "run.html"
    script = (
        "<script>document.title=JSON.stringify([...document.querySelectorAll('rect')].map(r=>"
        "{const b=r.getBoundingClientRect();return [r.className.baseVal,b.width>0,b.height>10]}))</script>"
    )
    page.write_text(html(run).replace("</body>", script + "</body>"))
    dom = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--disable-quic",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=900,700", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=LIMIT_S, check=True,
    ).stdout  # fmt: skip
    told = dom.partition("<title>")[2].partition("</title>")[0]
    bars = json.loads(told.replace("&quot;", '"'))
    assert len(bars) == 7
    assert all(wide and high for _, wide, high in bars)
    assert {kind for kind, *_ in bars} == {"d", "x", "b", "l", "o"}


def test_commands_show_what_the_functions_return(tmp_path):
    """trace, metrics, report and top, on a board in a file; a board that is not there makes none."""
    path = tmp_path / "b.db"
    with Blackboard(path) as board:
        board.submit(Task("a", place="here"))
        board.deposit(Mark("smell", "here", 2.0), agent="ann")
        board.claim("ann")
        assert json.loads(ants("trace", path).stdout)["traceEvents"]
        assert 'ants_tasks{state="leased"} 1' in ants("metrics", path).stdout
        page = ants("report", path).stdout
        Tags(page)
        assert "What coordination took" in page
        seen = ants("top", "--once", path).stdout
        for word in ("1 leased", "ann", "strongest places", "here", "claimed"):
            assert word in seen
    gone = ants("report", tmp_path / "nowhere.db")
    assert (gone.returncode, gone.stdout) == (3, "")
    assert not (tmp_path / "nowhere.db").exists()


IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""makes the terminal its own, so that Ctrl-C reaches it, and becomes the program"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_top_in_a_terminal(tmp_path):
    """The screen shows the lease with the time that is left, and Ctrl-C leaves no traceback."""
    import fcntl
    import pty
    import struct
    import termios

    path = tmp_path / "b.db"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    with ClaimQueue(path, lease_ttl=1_000) as board:
        board.submit(Task("job-1"))
        board.claim("ant-7")
        words = ["-m", "ants_coord", "top", "--every", "0.1", path]
        top = subprocess.Popen(
            [sys.executable, "-c", IN_A_TERMINAL, *words],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env=ENVIRONMENT | {"TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        while not all(word in shown for word in (b"ant-7", b"job-1", b"99")):  # 999.x s are left
            shown += os.read(ours, 65_536)
        os.write(ours, b"\x03")
        with contextlib.suppress(OSError):  # it has ended
            while more := os.read(ours, 65_536):
                shown += more
        os.close(ours)
        assert top.wait(LIMIT_S) == 130
        assert b"Traceback" not in shown

"""
Tables, functions and rights of a database that holds boards; `ants-coord init DSN` runs or prints them.

The tables have their own schema, because newer servers let nobody create in `public`. Agents may read the
tables and call five functions. They may not write any table, so nobody can forge a line of the log.

`append` is one statement and one round trip: it locks the board's row, verifies by its link that the caller's
last entry is still there, and inserts. Positions are counted under that lock and not drawn from a sequence:
readers that followed serial ids missed entries whose transactions committed late. A stamp is the server's
clock at that moment (not at the start of the transaction), in whole microseconds.

A commit that waits for the disk holds the lock meanwhile. Therefore, while several processes write, `append`
commits without waiting, and `settle`, sent in the same round trip, waits for the disk; so the syncs of
several processes become one. Nobody acts on entries that are not on disk yet: the caller's own answer waits
for `settle`, `settle` makes the announcements, and a reader whose last entry is such a one waits for the
disk, too.

Time is divided into spans, and the first entry of each is announced together with all entries of the previous
span: so a waiting process learns everything without asking, and is woken at most once per span. Entries that
follow in the span of the last announcement are found by a look after its end. Anybody in the database may
listen to a channel whose name is known, so the name is random, and kept in a table that only readers of the
entries may read.
"""

from __future__ import annotations

VERSION = 1
"""version of these tables and functions; the format of entries is the codec's"""

GAP_NS = 25_000_000
"""length of a span; notifying every waiting process of every command cost more than the commands"""

_MOST_TOLD = 24_000
"""most bytes of entries announced at once; beyond it, only the fact that there are some"""
_TOLD_IN_ONE = 5_800
"""most bytes of entries in one notification, which may have 8,000 bytes as text"""

AHEAD = "AC001"
"""SQLSTATE of a refusal: the log does not continue from the caller's position, so it was rewound"""

DROPPED = "AC002"
"""SQLSTATE of a refusal: the board does not exist any more"""

_TABLES = """
CREATE SCHEMA IF NOT EXISTS ants_coord;
CREATE TABLE IF NOT EXISTS ants_coord.installed (version int NOT NULL);
INSERT INTO ants_coord.installed SELECT {version} WHERE NOT EXISTS (SELECT 1 FROM ants_coord.installed);
CREATE TABLE IF NOT EXISTS ants_coord.board (
    id int PRIMARY KEY,
    name text UNIQUE NOT NULL,
    log_id text NOT NULL,
    format int NOT NULL,
    channel text NOT NULL DEFAULT 'ants_coord_' || replace(gen_random_uuid()::text, '-', '')
);
CREATE TABLE IF NOT EXISTS ants_coord.entry (
    -- no foreign key: `append` has locked the board's row, and checking each entry cost more than writing it
    board int NOT NULL,
    position bigint NOT NULL,
    stamp bigint NOT NULL,
    early boolean NOT NULL,
    author text NOT NULL,
    body bytea NOT NULL,
    link bytea NOT NULL,
    PRIMARY KEY (board, position)
);
ALTER TABLE ants_coord.entry ALTER COLUMN body SET STORAGE EXTERNAL;
-- what fits into a page stays in it: a second table for bodies of 2 to 8 kB cost a fifth more
ALTER TABLE ants_coord.entry SET (toast_tuple_target = 8160);
CREATE TABLE IF NOT EXISTS ants_coord.snapshot (
    board int PRIMARY KEY REFERENCES ants_coord.board,
    position bigint NOT NULL,
    writer text NOT NULL,
    parts int NOT NULL,
    stamp bigint NOT NULL,
    link bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS ants_coord.piece (
    board int NOT NULL REFERENCES ants_coord.board,
    position bigint NOT NULL,
    writer text NOT NULL,
    part int NOT NULL,
    body bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (board, position, writer, part)
);
ALTER TABLE ants_coord.piece ALTER COLUMN body SET STORAGE EXTERNAL;
"""

_ANNOUNCE = """
CREATE OR REPLACE FUNCTION ants_coord.announce(_board int, _since bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    _channel text; _first bigint; _link bytea; _run bytea := ''; _bytes bigint; _longest int; _e record;
BEGIN
    SELECT b.channel INTO _channel FROM ants_coord.board b WHERE b.id = _board;
    SELECT sum(28 + octet_length(n.body)), max(octet_length(n.body)) INTO _bytes, _longest FROM (
        SELECT e.stamp, e.body FROM ants_coord.entry e
        WHERE e.board = _board ORDER BY e.position DESC LIMIT 200) n WHERE n.stamp >= _since;
    IF _bytes IS NULL OR _bytes > {most} OR _longest > {one} THEN
        PERFORM pg_notify(_channel, '');
        RETURN;
    END IF;
    -- each notification is whole by itself: position of the first entry, link of the last, stamps and bodies
    FOR _e IN
        SELECT * FROM (
            SELECT e.position, e.stamp, e.body, e.link FROM ants_coord.entry e
            WHERE e.board = _board ORDER BY e.position DESC LIMIT 200) n
        WHERE n.stamp >= _since ORDER BY n.position
    LOOP
        IF length(_run) + length(_e.body) > {one} THEN
            PERFORM pg_notify(_channel, encode(int8send(_first) || _link || _run, 'base64'));
            _run := '';
        END IF;
        IF _run = '' THEN _first := _e.position; END IF;
        _run := _run || int8send(_e.stamp) || int4send(length(_e.body)) || _e.body;
        _link := _e.link;
    END LOOP;
    PERFORM pg_notify(_channel, encode(int8send(_first) || _link || _run, 'base64'));
END $f$;
"""

_APPEND = """
CREATE OR REPLACE FUNCTION ants_coord.append(
    _board int, _after bigint, _known bytea, _bodies bytea[], _durable boolean, _early boolean, _lock_ms int
) RETURNS TABLE ("position" bigint, stamp bigint, body bytea, link bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    _tail bigint; _last bigint; _now bigint; _n bigint; _since bigint;
    _link bytea; _was bytea; _b bytea; _links bytea[] := '{{}}';
BEGIN
    -- settings of a function are undone before its transaction commits: these hold until then
    PERFORM
        set_config('synchronous_commit', CASE WHEN _durable AND NOT _early THEN 'on' ELSE 'off' END, true),
        set_config('lock_timeout', _lock_ms || 'ms', true);
    PERFORM 1 FROM ants_coord.board b WHERE b.id = _board FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the board was dropped' USING ERRCODE = '{dropped}';
    END IF;
    SELECT e.position, e.stamp, e.link INTO _tail, _last, _link FROM ants_coord.entry e
        WHERE e.board = _board ORDER BY e.position DESC LIMIT 1;
    IF NOT FOUND THEN
        SELECT s.position, s.stamp, s.link INTO _tail, _last, _link
            FROM ants_coord.snapshot s WHERE s.board = _board;
        IF NOT FOUND THEN _tail := 0; _last := 0; _link := ''; END IF;
    END IF;
    IF _after > _tail THEN
        RAISE EXCEPTION 'the log ends at position %, and % was read before', _tail, _after
            USING ERRCODE = '{ahead}';
    ELSIF _after = _tail THEN
        _was := _link;
    ELSE
        SELECT e.link INTO _was FROM ants_coord.entry e WHERE e.board = _board AND e.position = _after;
        IF NOT FOUND THEN
            SELECT s.link INTO _was FROM ants_coord.snapshot s WHERE s.board = _board AND s.position = _after;
        END IF;
    END IF;
    IF _was IS NOT NULL AND _was <> _known THEN
        RAISE EXCEPTION 'position % is another entry than the one that was read before', _after
            USING ERRCODE = '{ahead}';
    END IF;
    IF _after < _tail THEN
        RETURN QUERY SELECT e.position, e.stamp, e.body, e.link FROM ants_coord.entry e
            WHERE e.board = _board AND e.position > _after ORDER BY e.position;
    END IF;
    _now := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000;
    _n := _tail;
    IF cardinality(_bodies) = 1 THEN  -- as nearly always: a tenth cheaper without the arrays
        _link := substr(sha256(_link || int8send(_tail + 1) || int8send(_now) || _bodies[1]), 1, 16);
        INSERT INTO ants_coord.entry
            VALUES (_board, _tail + 1, _now, _early, session_user, _bodies[1], _link);
    ELSE
        FOREACH _b IN ARRAY _bodies LOOP
            _n := _n + 1;
            _link := substr(sha256(_link || int8send(_n) || int8send(_now) || _b), 1, 16);
            _links := _links || _link;
        END LOOP;
        INSERT INTO ants_coord.entry
            SELECT _board, _tail + u.n, _now, _early, session_user, u.b, u.l
            FROM unnest(_bodies, _links) WITH ORDINALITY u(b, l, n);
    END IF;
    IF _now / {gap} <> _last / {gap} THEN
        _since := least(_now, _last / {gap} * {gap});
        IF _early THEN
            PERFORM set_config('ants_coord.unsaid', _board || ' ' || _since, false);
        ELSE
            PERFORM ants_coord.announce(_board, _since);
        END IF;
    END IF;
    -- our own bodies do not travel back
    "position" := _tail; stamp := _now; body := NULL; link := _link;
    RETURN NEXT;
END $f$;
CREATE OR REPLACE FUNCTION ants_coord.settle() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    _unsaid text := current_setting('ants_coord.unsaid', true);
BEGIN
    -- a commit waits for the disk only if its transaction has written something: a transaction id is not
    -- enough. All that was written before goes along
    PERFORM set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'ants_coord', '');
    IF _unsaid <> '' THEN
        PERFORM set_config('ants_coord.unsaid', '', false);
        PERFORM ants_coord.announce(split_part(_unsaid, ' ', 1)::int, split_part(_unsaid, ' ', 2)::bigint);
    END IF;
END $f$;
"""

_SNAPSHOT = """
CREATE OR REPLACE FUNCTION ants_coord.save(
    _board int, _position bigint, _writer text, _part int, _body bytea, _hash bytea
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
    -- a piece that is lost with the server's memory leaves a snapshot that is never sealed
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO ants_coord.piece VALUES (_board, _position, _writer, _part, _body, _hash)
        ON CONFLICT (board, position, writer, part) DO UPDATE SET body = excluded.body, hash = excluded.hash;
END $f$;
CREATE OR REPLACE FUNCTION ants_coord.seal(_board int, _position bigint, _writer text, _parts int)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
    PERFORM 1 FROM ants_coord.board b WHERE b.id = _board FOR NO KEY UPDATE;
    IF EXISTS (SELECT 1 FROM ants_coord.snapshot s WHERE s.board = _board AND s.position >= _position) THEN
        DELETE FROM ants_coord.piece p
            WHERE p.board = _board AND p.position = _position AND p.writer = _writer;
        RETURN;
    END IF;
    IF (SELECT count(*) FROM ants_coord.piece p
        WHERE p.board = _board AND p.position = _position AND p.writer = _writer) <> _parts THEN
        RETURN;  -- a piece was lost: the log is whole without this snapshot, and another will be made
    END IF;
    INSERT INTO ants_coord.snapshot
        SELECT e.board, e.position, _writer, _parts, e.stamp, e.link
        FROM ants_coord.entry e WHERE e.board = _board AND e.position = _position
        ON CONFLICT (board) DO UPDATE SET position = excluded.position, writer = excluded.writer,
            parts = excluded.parts, stamp = excluded.stamp, link = excluded.link;
    DELETE FROM ants_coord.piece p WHERE p.board = _board
        AND (p.position < _position OR (p.position = _position AND p.writer <> _writer));
    DELETE FROM ants_coord.entry e WHERE e.board = _board AND e.position <= _position;
END $f$;
CREATE OR REPLACE FUNCTION ants_coord.open(_name text, _log_id text, _format int, _create boolean)
RETURNS TABLE (id int, log_id text, format int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
    IF _create AND NOT EXISTS (SELECT 1 FROM ants_coord.board b WHERE b.name = _name) THEN
        PERFORM pg_advisory_xact_lock(1634628723, 0);
        INSERT INTO ants_coord.board (id, name, log_id, format)
            SELECT coalesce(max(b.id), 0) + 1, _name, _log_id, _format FROM ants_coord.board b
            ON CONFLICT (name) DO NOTHING;
    END IF;
    RETURN QUERY SELECT b.id, b.log_id, b.format FROM ants_coord.board b WHERE b.name = _name;
END $f$;
"""

_FUNCTIONS = (
    "append(int, bigint, bytea, bytea[], boolean, boolean, int)",
    "settle()",
    "save(int, bigint, text, int, bytea, bytea)",
    "seal(int, bigint, text, int)",
    "open(text, text, int, boolean)",
)

_INNER = "announce(int, bigint)"
"""called by the other functions, which run as their owner"""


def statements() -> list[str]:
    """Return the statements that the owner of a database runs once; repeating them changes nothing."""
    return [
        # concurrent CREATE ... IF NOT EXISTS in two sessions may fail, so they run one after the other
        "SELECT pg_advisory_xact_lock(1634628723, 0)",
        _TABLES.format(version=VERSION),
        _ANNOUNCE.format(most=_MOST_TOLD, one=_TOLD_IN_ONE),
        _APPEND.format(ahead=AHEAD, dropped=DROPPED, gap=GAP_NS),
        _SNAPSHOT,
        *[f"REVOKE ALL ON FUNCTION ants_coord.{function} FROM PUBLIC" for function in (*_FUNCTIONS, _INNER)],
    ]


def grants(role: str) -> list[str]:
    """
    Return the statements that let a role use boards: read the tables and call the functions, nothing else.
    """
    who = "PUBLIC" if role == "public" else '"' + role.replace('"', '""') + '"'
    return [
        f"GRANT USAGE ON SCHEMA ants_coord TO {who}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA ants_coord TO {who}",
        *[f"GRANT EXECUTE ON FUNCTION ants_coord.{function} TO {who}" for function in _FUNCTIONS],
    ]

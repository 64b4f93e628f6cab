"""
Tables, functions and rights of a database that holds boards; `ants-coord init DSN` runs or prints them.

A schema of its own, since newer servers let nobody create in `public`. Agents
may read the tables and call four functions; they may write no table, so that
nobody can forge a line of the log.

`append` is one statement and one trip: it locks the board's row, proves that
the caller's last entry is still there by its link, and inserts. Positions are
counted under that lock, never drawn from a sequence: readers that followed
serial ids missed entries whose transactions committed late. A stamp is the
server's clock at that moment (not of the transaction's beginning), in whole
microseconds.
"""

from __future__ import annotations

__all__ = ["AHEAD", "DROPPED", "GAP_NS", "VERSION", "grants", "statements"]

VERSION = 1
"""of these tables and functions; the format of entries is the codec's"""

GAP_NS = 25_000_000
"""
Who hears of an entry looks again for a while by itself, so an entry that follows another within this time
is not announced: notifying every waiting process of every command cost more than the commands.
"""

AHEAD = "AC001"
"""SQLSTATE of a refusal: the log does not go on where the caller stands, so it was rewound"""

DROPPED = "AC002"
"""SQLSTATE of a refusal: there is no such board any more"""

_TABLES = """
CREATE SCHEMA IF NOT EXISTS ants_coord;
CREATE TABLE IF NOT EXISTS ants_coord.installed (version int NOT NULL);
INSERT INTO ants_coord.installed SELECT {version} WHERE NOT EXISTS (SELECT 1 FROM ants_coord.installed);
CREATE TABLE IF NOT EXISTS ants_coord.board (
    id int PRIMARY KEY,
    name text UNIQUE NOT NULL,
    log_id text NOT NULL,
    format int NOT NULL
);
CREATE TABLE IF NOT EXISTS ants_coord.entry (
    board int NOT NULL REFERENCES ants_coord.board,
    position bigint NOT NULL,
    stamp bigint NOT NULL,
    author text NOT NULL,
    body bytea NOT NULL,
    link bytea NOT NULL,
    PRIMARY KEY (board, position)
);
ALTER TABLE ants_coord.entry ALTER COLUMN body SET STORAGE EXTERNAL;
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

_APPEND = """
CREATE OR REPLACE FUNCTION ants_coord.append(
    _board int, _after bigint, _known bytea, _bodies bytea[], _durable boolean, _lock_ms int
) RETURNS TABLE ("position" bigint, stamp bigint, body bytea, link bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    _tail bigint; _last bigint; _now bigint; _n bigint;
    _link bytea; _was bytea; _b bytea; _links bytea[] := '{{}}';
BEGIN
    -- settings of a function are undone before its transaction commits: these hold until then
    PERFORM set_config('synchronous_commit', CASE WHEN _durable THEN 'on' ELSE 'off' END, true);
    PERFORM set_config('lock_timeout', _lock_ms || 'ms', true);
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
    RETURN QUERY SELECT e.position, e.stamp, e.body, e.link FROM ants_coord.entry e
        WHERE e.board = _board AND e.position > _after ORDER BY e.position;
    _now := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000;
    _n := _tail;
    FOREACH _b IN ARRAY _bodies LOOP
        _n := _n + 1;
        _link := substr(sha256(_link || int8send(_n) || int8send(_now) || _b), 1, 16);
        _links := _links || _link;
    END LOOP;
    INSERT INTO ants_coord.entry
        SELECT _board, _tail + u.n, _now, session_user, u.b, u.l
        FROM unnest(_bodies, _links) WITH ORDINALITY u(b, l, n);
    IF _now - _last >= {gap} OR _now < _last THEN
        PERFORM pg_notify('ants_coord_' || _board, '');
    END IF;
    -- our own bodies do not travel back
    RETURN QUERY SELECT _tail, _now, NULL::bytea, _link;
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
        INSERT INTO ants_coord.board
            SELECT coalesce(max(b.id), 0) + 1, _name, _log_id, _format FROM ants_coord.board b
            ON CONFLICT (name) DO NOTHING;
    END IF;
    RETURN QUERY SELECT b.id, b.log_id, b.format FROM ants_coord.board b WHERE b.name = _name;
END $f$;
"""

_FUNCTIONS = (
    "append(int, bigint, bytea, bytea[], boolean, int)",
    "save(int, bigint, text, int, bytea, bytea)",
    "seal(int, bigint, text, int)",
    "open(text, text, int, boolean)",
)


def statements() -> list[str]:
    """Return what the owner of a database runs once; running it again changes nothing."""
    return [
        # CREATE ... IF NOT EXISTS of two sessions at once may fail: one after the other
        "SELECT pg_advisory_xact_lock(1634628723, 0)",
        _TABLES.format(version=VERSION),
        _APPEND.format(ahead=AHEAD, dropped=DROPPED, gap=GAP_NS),
        _SNAPSHOT,
        *[f"REVOKE ALL ON FUNCTION ants_coord.{function} FROM PUBLIC" for function in _FUNCTIONS],
    ]


def grants(role: str) -> list[str]:
    """Return what lets a role use boards: reading the tables and calling the functions, nothing else."""
    who = "PUBLIC" if role == "public" else '"' + role.replace('"', '""') + '"'
    return [
        f"GRANT USAGE ON SCHEMA ants_coord TO {who}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA ants_coord TO {who}",
        *[f"GRANT EXECUTE ON FUNCTION ants_coord.{function} TO {who}" for function in _FUNCTIONS],
    ]

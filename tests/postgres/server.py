"""
A real PostgreSQL for tests: started on 127.0.0.1 from the distribution's binaries, in a folder of its own.

ANTS_COORD_PG=required makes a missing server a failure instead of a skip.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

USER = "ants"
_LIMIT_S = 60


def binaries() -> Path | None:
    """Return the folder with initdb and pg_ctl, or None."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if folders:
        return folders[-1].parent
    found = shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


def bouncer() -> str | None:
    """Return the path of pgbouncer, or None."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server; `dsn(board)` is the address of a board, `stop` and `start` do what they say."""

    def __init__(self, bin_folder: Path, copy_of: Server | None = None) -> None:
        self._bin = bin_folder
        self.folder = Path(tempfile.mkdtemp(prefix="ants-pg-"))
        self._as = self._other_user()
        self.port = free_port()
        if copy_of is None:
            self._run(
                "initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
            )
        else:
            self._run(
                "pg_basebackup", "-h", "127.0.0.1", "-p", copy_of.port, "-U", USER,
                "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
            )  # fmt: skip
        self.start()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _other_user(self) -> list[str]:
        """PostgreSQL refuses to run as root: use the distribution's user, or nobody."""
        if os.geteuid() != 0:
            return []
        name = next(name for name in ("postgres", "nobody") if _exists(name))
        shutil.chown(self.folder, name)
        return ["setpriv", f"--reuid={name}", f"--regid={pwd.getpwnam(name).pw_gid}", "--clear-groups"]

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [*self._as, str(self._bin / program), *map(str, arguments)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_LIMIT_S, cwd="/",
        )  # fmt: skip

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c logging_collector=off"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def restart(self, mode: str = "immediate") -> None:
        self.stop(mode)
        self.start()

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def promote(self) -> None:
        """Make a standby a primary."""
        self._run("pg_ctl", "-D", self.data, "-w", "promote")

    def dsn(
        self, board: str = "main", *, user: str = USER, port: int | None = None, database: str = "postgres"
    ) -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}#{board}"

    @contextlib.contextmanager
    def pooled(self, program: str, database: str) -> Iterator[int]:
        """Run a pooler in transaction mode before the server; gives its port."""
        port, folder = free_port(), Path(tempfile.mkdtemp(prefix="ants-pool-"))
        (folder / "users").write_text(f'"{USER}" ""\n')
        (folder / "ini").write_text(
            f"[databases]\n{database} = host=127.0.0.1 port={self.port} user={USER}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = trust\nauth_file = {folder}/users\n"
            "pool_mode = transaction\nunix_socket_dir =\nserver_lifetime = 60\n"
        )
        if self._as:
            shutil.chown(folder, self._as[1].partition("=")[2])
        pooler = subprocess.Popen(
            [*self._as, program, str(folder / "ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        turn = threading.Event()
        try:
            for _ in range(500):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                turn.wait(0.02)
            yield port
        finally:
            pooler.terminate()
            pooler.wait(_LIMIT_S)
            shutil.rmtree(folder, ignore_errors=True)

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple]:
        """Run a statement as the owner."""
        import psycopg

        with psycopg.connect(self.dsn(database=database).partition("#")[0], autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True

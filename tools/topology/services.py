"""The programs around the servers, from Debian's packages: PostgreSQL, Redis and nginx, each on a free port."""

import contextlib
import os
import pwd
import shlex
import shutil
import signal
import socket
import string
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from tools.topology import compose
from tools.topology.compose import REPOSITORY

TEMPLATE: Final = REPOSITORY / "deploy" / "nginx" / "nginx.conf.template"
_WITHIN_S: Final = 60.0


class NotInstalledError(Exception):
    """A program is missing."""


def program(name: str, *folders: str) -> str:
    """Where a program is; some lie where ordinary users do not look. Raises NotInstalledError."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", *folders)))
    if found is None:
        raise NotInstalledError(f"{name} is not installed: .ci/run installs it on Debian")
    return found


def wait_until(condition: Callable[[], bool], what: str, within_s: float = _WITHIN_S) -> None:
    """Look again and again. Raises TimeoutError."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether something takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Daemon:
    """A program that is started, killed and started again on the same port."""

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(self._command, stdout=log, stderr=log)

        def is_up() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"{self._command[0]} ended:\n{self.log.read_text()}")
            return listens(self.port)

        wait_until(is_up, f"{self._command[0]} does not listen")

    def send(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal, and wait for the end."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(timeout=_WITHIN_S)


@contextlib.contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """Start it, and end it with the block."""
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.end()


def redis(folder: Path, port: int) -> Daemon:
    """A Redis that keeps nothing."""
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    return Daemon(command, port, folder / "redis.log")


def nginx(folder: Path, variables: Mapping[str, str]) -> Daemon:
    """The proxy, by the configuration of the site with its variables replaced as the image does."""
    configuration = folder / "nginx.conf"
    configuration.write_text(string.Template(TEMPLATE.read_text()).safe_substitute(variables))
    command = [program("nginx"), "-e", "stderr", "-c", str(configuration), "-g", "daemon off;"]
    _, _, port = variables["NGINX_HTTPS_PORT"].rpartition(":")
    return Daemon(command, int(port), folder / "nginx.log")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of ``localhost`` that vouches for itself; returns it and its key."""
    made, key = folder / "fullchain.pem", folder / "privkey.pem"
    subprocess.run(
        [
            *(program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(made)),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


class Postgres:
    """A PostgreSQL of its own; it refuses to run as root, and is then the user ``postgres``."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        newest = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
        folders = [str(newest)] if newest else []
        self._pg_ctl, initdb = program("pg_ctl", *folders), program("initdb", *folders)
        self._port, self._password = port, password
        self._home = folder / "postgres"
        self._log = self._home / "log"
        self._home.mkdir()
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self._home, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        secret = self._home / "password"
        secret.write_text(password)
        secret.chmod(0o644)
        self._run(initdb, "--pgdata", str(self._data), "--username", "starcast", "--pwfile", str(secret), *_INITDB)
        secret.unlink()

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program, *given = compose.arguments("postgres")
        assert program == "postgres"
        options = f"-p {self._port} -k {self._home} -h 127.0.0.1 -c fsync=off {shlex.join(given)}"
        self._run(
            *(self._pg_ctl, "start", "--wait", "--pgdata", str(self._data)),
            *("--log", str(self._log), "--options", options),
        )

    def stop(self) -> None:
        """Stop it at once; its connections are cut."""
        self._run(self._pg_ctl, "stop", "--wait", "--pgdata", str(self._data), "--mode", "immediate")

    def connect(self, database: str = "starcast") -> "psycopg.Connection[Any]":
        """Connect as the site does."""
        return psycopg.connect(
            host="127.0.0.1", port=self._port, user="starcast", password=self._password, dbname=database,
            autocommit=True,
        )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process that takes connections."""
        os.kill(int((self._data / "postmaster.pid").read_text().splitlines()[0]), number)

    def logged(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return (self._data / "postmaster.pid").exists()

    def _run(self, *command: str) -> None:
        # Not through a pipe: what starts the server would hold it open.
        with (self._home.parent / "postgres.log").open("ab") as log:
            finished = subprocess.run(command, stdout=log, stderr=log, cwd="/", check=False, **self._as)
        if finished.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{(self._home.parent / 'postgres.log').read_text()}")


_INITDB: Final = ("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")


@contextlib.contextmanager
def postgres(folder: Path, port: int, password: str) -> Iterator[Postgres]:
    """Run a PostgreSQL with an empty database ``starcast`` until the block ends."""
    server = Postgres(folder, port, password)
    server.start()
    try:
        with server.connect("postgres") as connection:
            connection.execute("CREATE DATABASE starcast")
        yield server
    finally:
        if server.is_up:
            server.stop()

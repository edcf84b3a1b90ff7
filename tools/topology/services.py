"""PostgreSQL, Redis and nginx from Debian's packages, each on a free port."""

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
    """A program is not installed."""


def program(name: str, *folders: str) -> str:
    """Return the path of a program; some are not on the PATH of ordinary users. Raises NotInstalledError."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", *folders)))
    if found is None:
        raise NotInstalledError(f"{name} is not installed: .ci/run installs it on Debian")
    return found


def wait_until(condition: Callable[[], bool], what: str, within_s: float = _WITHIN_S) -> None:
    """Poll a condition. Raises TimeoutError."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Return whether the port accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Daemon:
    """A program that can be started, killed and restarted on the same port."""

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
        """Send a signal and wait for the exit."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(timeout=_WITHIN_S)


@contextlib.contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """Run a daemon for the duration of the block."""
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.end()


def redis(folder: Path, port: int) -> Daemon:
    """Return a Redis without persistence."""
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    return Daemon(command, port, folder / "redis.log")


def nginx(folder: Path, variables: Mapping[str, str]) -> Daemon:
    """Return nginx with the site's configuration, its variables replaced as in the image."""
    configuration = folder / "nginx.conf"
    # Its workers are another user, who may not read the repository.
    for page in TEMPLATE.parent.glob("*.html"):
        shutil.copy(page, folder)
    variables = {**variables, "NGINX_PAGES_DIR": str(folder)}
    configuration.write_text(string.Template(TEMPLATE.read_text()).safe_substitute(variables))
    command = [program("nginx"), "-e", "stderr", "-c", str(configuration), "-g", "daemon off;"]
    _, _, port = variables["NGINX_HTTPS_PORT"].rpartition(":")
    return Daemon(command, int(port), folder / "nginx.log")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Create a self-signed certificate for ``localhost``; return it and its key."""
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
    """A separate PostgreSQL. As root, it runs as the user ``postgres``, since it refuses root."""

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
        """Stop it immediately, closing all connections."""
        self._run(self._pg_ctl, "stop", "--wait", "--pgdata", str(self._data), "--mode", "immediate")

    def connect(self, database: str = "starcast") -> "psycopg.Connection[Any]":
        """Connect with the site's credentials."""
        return psycopg.connect(
            host="127.0.0.1", port=self._port, user="starcast", password=self._password, dbname=database,
            autocommit=True,
        )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the main process."""
        os.kill(int((self._data / "postmaster.pid").read_text().splitlines()[0]), number)

    def logged(self) -> str:
        """Return its log so far."""
        return self._log.read_text()

    @property
    def is_up(self) -> bool:
        """Return whether it is running."""
        return (self._data / "postmaster.pid").exists()

    def _run(self, *command: str) -> None:
        # No pipe: the server would inherit it and keep it open.
        with (self._home.parent / "postgres.log").open("ab") as log:
            finished = subprocess.run(command, stdout=log, stderr=log, cwd="/", check=False, **self._as)
        if finished.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{(self._home.parent / 'postgres.log').read_text()}")


_INITDB: Final = ("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")


@contextlib.contextmanager
def postgres(folder: Path, port: int, password: str) -> Iterator[Postgres]:
    """Run a PostgreSQL with an empty database ``starcast`` for the duration of the block."""
    server = Postgres(folder, port, password)
    server.start()
    try:
        with server.connect("postgres") as connection:
            connection.execute("CREATE DATABASE starcast")
        yield server
    finally:
        if server.is_up:
            server.stop()

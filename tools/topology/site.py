"""A whole site on loopback, as in docker-compose.yml: TLS proxy, several servers, Redis, PostgreSQL."""

import contextlib
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from starcast_client import AsyncClient, Options, State

from tools.servers import REPOSITORY, RunningServer, free_port, start_server
from tools.topology import compose
from tools.topology.services import Daemon, Postgres, certificate, nginx, postgres, redis, running


@dataclass
class Site:
    """The running processes and how to reach them."""

    folder: Path
    port: int
    certificate: Path
    proxy: Daemon
    redis: Daemon
    postgres: Postgres
    environment: dict[str, str]
    """Environment of the servers."""
    stack: contextlib.ExitStack
    replicas: list[RunningServer] = field(default_factory=list)

    @property
    def url(self) -> str:
        """URL of the proxy."""
        return f"https://localhost:{self.port}"

    @property
    def tls(self) -> ssl.SSLContext:
        """A TLS context that trusts the site's certificate."""
        return ssl.create_default_context(cafile=self.certificate)

    def client(self, api_key: str | None = None, on_state: Callable[[State], None] | None = None) -> AsyncClient:
        """Return a client with short timeouts."""
        options = Options(connect_timeout_s=4, answer_timeout_s=8, backoff_cap_s=2)
        return AsyncClient(self.url, ssl=self.tls, proxy=None, options=options, api_key=api_key, on_state=on_state)

    def manage(self, *arguments: str) -> str:
        """Run a command of ``manage.py``; return its output."""
        return _manage(self.environment, *arguments)

    def start_replica(self, port: int) -> RunningServer:
        """Start a server. The proxy only knows the initial ports."""
        program, *arguments = compose.arguments("web")
        assert program == "python"
        # The address is ours, since all servers share one machine.
        header = arguments[arguments.index("--client-address-header") :]
        folder = self.folder / f"replica-{port}-{secrets.token_hex(2)}"
        folder.mkdir()
        environment = {**self.environment, "STARCAST_DATA_DIR": str(folder)}
        return self.stack.enter_context(start_server(folder, port, ("manage.py", "serve", *header), **environment))

    def restart_replica(self, number: int) -> None:
        """Restart a server that has exited."""
        self.replicas[number] = self.start_replica(self.replicas[number].port)

    def logged(self) -> str:
        """Return the logs of all servers, including exited ones."""
        return "".join(log.read_text() for log in self.folder.glob("replica-*/*.log"))


@contextlib.contextmanager
def running_site(replicas: int = 2, **overrides: str) -> Iterator[Site]:
    """Run a site for the duration of the block; nothing of it remains.

    ``overrides`` are environment variables of the servers. Raises NotInstalledError if a program is missing.
    """
    folder = Path(tempfile.mkdtemp(prefix="starcast-site-"))
    # The database and the proxy's workers run as other users.
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        password, http_port, https_port = secrets.token_hex(24), free_port(), free_port()
        database = stack.enter_context(postgres(folder, database_port := free_port(), password))
        broker = stack.enter_context(running(redis(folder, free_port())))
        variables = {"STARCAST_SECRET_KEY": secrets.token_urlsafe(50), "POSTGRES_PASSWORD": password}
        environment = {
            name: value.replace("redis:6379", f"127.0.0.1:{broker.port}").replace(
                "postgres:5432", f"127.0.0.1:{database_port}"
            )
            for name, value in compose.environment("web", {**variables, "STARCAST_HOST": "localhost"}).items()
        }
        environment |= {"STARCAST_STATIC_DIR": str(folder / "static"), "STARCAST_DATA_DIR": str(folder), **overrides}
        _manage(environment, *compose.arguments("migrate")[2:])
        _manage(environment, "collectstatic", "--noinput", "--verbosity", "0")

        cert, key = certificate(folder)
        ports = [free_port() for _ in range(replicas)]
        proxied = compose.environment("proxy", {})
        (folder / "acme").mkdir()
        proxy = nginx(
            folder,
            {
                **proxied,
                "NGINX_RUN_DIR": str(folder),
                "NGINX_LOCAL_RESOLVERS": "127.0.0.1",
                "NGINX_HTTP_PORT": f"127.0.0.1:{http_port}",
                "NGINX_HTTPS_PORT": f"127.0.0.1:{https_port}",
                "NGINX_HTTP_IPV6": "",
                "NGINX_HTTPS_IPV6": "",
                "NGINX_SERVER_NAME": "localhost",
                **{
                    name: " ".join(value.replace("web:8000 resolve", f"127.0.0.1:{port}") for port in ports)
                    for name, value in proxied.items()
                    if name.startswith("NGINX_UPSTREAM_")
                },
                "NGINX_ACME_DIR": str(folder / "acme"),
                "NGINX_CERTIFICATE": str(cert),
                "NGINX_CERTIFICATE_KEY": str(key),
            },
        )
        site = Site(folder, https_port, cert, proxy, broker, database, environment, stack)
        site.replicas += [site.start_replica(port) for port in ports]
        stack.enter_context(running(proxy))
        yield site


def _manage(environment: dict[str, str], *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(finished.stderr)
    return finished.stdout

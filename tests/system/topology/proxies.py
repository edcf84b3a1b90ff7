"""The proxy's real configuration in front of one server, as tests need it."""

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.conftest import missing
from tests.timing import PATIENCE_S
from tools.servers import free_port
from tools.topology.services import NotInstalledError, certificate, nginx, running


@dataclass
class Proxy:
    folder: Path
    tls: ssl.SSLContext
    http: str
    https: str
    port: int

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.https, verify=self.tls, trust_env=False, timeout=PATIENCE_S)


@contextlib.contextmanager
def proxy_before(
    backend_port: int, folder: Path, *, run_dir: Path | None = None, told_addresses: bool = False
) -> Iterator[Proxy]:
    """Run the proxy. With ``told_addresses`` a client may say in ``X-Test-Address`` who it is."""
    (folder / "acme").mkdir()
    try:
        cert, key = certificate(folder)
        http_port, https_port = free_port(), free_port()
        variables = {
            "NGINX_RUN_DIR": str(run_dir or folder),
            "NGINX_LOCAL_RESOLVERS": "127.0.0.1",
            "NGINX_HTTP_PORT": f"127.0.0.1:{http_port}",
            "NGINX_HTTPS_PORT": f"127.0.0.1:{https_port}",
            "NGINX_HTTP_IPV6": f"listen [::1]:{http_port};",
            "NGINX_HTTPS_IPV6": f"listen [::1]:{https_port} ssl;",
            "NGINX_SERVER_NAME": "localhost",
            "NGINX_UPSTREAM_OF_PAGES": f"server 127.0.0.1:{backend_port};",
            "NGINX_UPSTREAM_OF_SOCKETS": f"server 127.0.0.1:{backend_port};",
            "NGINX_CONNECTIONS_PER_ADDRESS": "20",
            "NGINX_ACME_DIR": str(folder / "acme"),
            "NGINX_CERTIFICATE": str(cert),
            "NGINX_CERTIFICATE_KEY": str(key),
        }
        daemon = nginx(folder, variables)
        if told_addresses:
            configuration = folder / "nginx.conf"
            told = "http {\nset_real_ip_from 127.0.0.1;\nreal_ip_header X-Test-Address;\n"
            configuration.write_text(configuration.read_text().replace("http {\n", told, 1))
        with running(daemon):
            tls = ssl.create_default_context(cafile=cert)
            yield Proxy(folder, tls, f"http://localhost:{http_port}", f"https://localhost:{https_port}", https_port)
    except NotInstalledError as error:
        missing(str(error))

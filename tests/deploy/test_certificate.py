"""The script that certbot runs after it has renewed a certificate."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.servers import REPOSITORY
from tools.topology.compose import arguments, environment, read_compose


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script, and programs in ``bin`` that note how they were called instead of what they do."""
    script = tmp_path / "starcast" / "deploy" / "certificate.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / "deploy" / "certificate.sh", script)
    (tmp_path / "bin").mkdir()
    for program in ("install", "docker"):
        (tmp_path / "bin" / program).write_text(f'#!/bin/sh\necho "$PWD {program} $*" >> "{tmp_path}/called"\n')
        (tmp_path / "bin" / program).chmod(0o755)
    return tmp_path


def test_it_is_copied_for_the_proxy_alone_which_then_reads_it_from_wherever_certbot_runs(checkout: Path) -> None:
    subprocess.run(
        [checkout / "starcast" / "deploy" / "certificate.sh"],
        cwd="/",
        env={"PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "RENEWED_LINEAGE": "/live/a.example"},
        check=True,
    )
    user, group = read_compose()["services"]["proxy"]["user"].split(":")
    command = " ".join(arguments("proxy")[:3])
    assert (checkout / "called").read_text().splitlines() == [
        f"{checkout}/starcast install -o {user} -g {group} -m 400"
        " /live/a.example/fullchain.pem /live/a.example/privkey.pem tls/",
        f"{checkout}/starcast docker compose exec -T proxy {command} -s reload",
    ]
    assert environment("proxy", {})["NGINX_CERTIFICATE"].endswith("/fullchain.pem")
    assert environment("proxy", {})["NGINX_CERTIFICATE_KEY"].endswith("/privkey.pem")

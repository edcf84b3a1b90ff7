"""``manage.py migrate``."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tools.servers import REPOSITORY, free_port
from tools.topology.services import NotInstalledError, postgres

# Says how long a statement may take, for the connection that migrates and for any other.
PROGRAM = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import pre_migrate

def timeouts(**_):
    with connection.cursor() as cursor:
        return [cursor.execute(f"SHOW {name}_timeout").fetchone()[0] for name in ("statement", "lock")]

pre_migrate.connect(lambda app_config, **_: print(app_config.label, *timeouts()), weak=False)
call_command("migrate", verbosity=0)
connection.close()
print("servers", *timeouts())
"""


@pytest.fixture
def database() -> Iterator[str]:
    # Below no folder that is the tests' alone: the database is a user of its own.
    with tempfile.TemporaryDirectory(prefix="starcast-migrate-") as folder:
        Path(folder).chmod(0o755)
        try:
            with postgres(Path(folder), port := free_port(), "sesame"):
                yield f"postgresql://starcast:sesame@127.0.0.1:{port}/starcast"
        except NotInstalledError as error:
            missing(str(error))


def test_a_migration_may_take_as_long_as_it_takes_but_waits_for_no_lock_for_long(database: str, data_dir: Path) -> None:
    environment = {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "STARCAST_DATA_DIR": str(data_dir),
        "STARCAST_DATABASE_URL": database,
        "STARCAST_BACKEND": "fake",
        "STARCAST_DEBUG": "1",
    }
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=REPOSITORY, env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert "live 0 5s" in lines
    assert lines[-1] == "servers 5s 0"

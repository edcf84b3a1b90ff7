"""docker-compose.yml, .env.example and the Dockerfile agree, and every container is fenced in."""

import re
import subprocess
import sys
from typing import Any

import pytest

from model_core.options import EngineOptions
from project.environment import ALL
from tools.servers import REPOSITORY
from tools.topology.compose import environment, read_compose

SERVICES: dict[str, dict[str, Any]] = read_compose()["services"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
ENV_EXAMPLE = dict(re.findall(r"^(\w+)=(.*)$", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))


def test_it_keeps_the_schema_of_compose_files() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_read_only_without_rights_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["pids_limit"]
    assert all("size=" in folder for folder in service.get("tmpfs", ()))
    assert "healthcheck" in service
    runs_as = service.get("user") or re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", runs_as)


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == ["proxy"]
    assert read_compose()["networks"]["inside"]["internal"] is True


def test_images_name_their_version() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert len(images) == 3
    assert all(re.search(r":\d", image) for image in images)


def test_the_example_lists_every_variable_that_has_no_default_and_no_secret_in_it() -> None:
    used = set(re.findall(r"\$\{(\w+):\?", (REPOSITORY / "docker-compose.yml").read_text()))
    assert used == {"STARCAST_HOST", "STARCAST_SECRET_KEY", "POSTGRES_PASSWORD"}
    assert used <= ENV_EXAMPLE.keys()
    assert ENV_EXAMPLE["STARCAST_SECRET_KEY"] == ENV_EXAMPLE["POSTGRES_PASSWORD"] == ""


def test_every_variable_of_the_configuration_reaches_the_servers_where_the_image_does_not_set_it() -> None:
    read = {variable for kind in ALL for variable in kind.variables().values()}
    of_image = set(re.findall(r"\b(STARCAST_\w+)=", DOCKERFILE)) - {"STARCAST_SECRET_KEY"}
    # Files instead of variables, and what no public site should have.
    others = {"STARCAST_SECRET_KEY_FILE", "STARCAST_METRICS_TOKEN_FILE", "STARCAST_DEBUG", "STARCAST_BACKEND"}
    assert read - SERVICES["web"]["environment"].keys() - of_image == others


def test_the_example_names_only_variables_that_the_compose_file_reads() -> None:
    compose = (REPOSITORY / "docker-compose.yml").read_text()
    named = set(re.findall(r"^#?(\w+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
    assert named > ENV_EXAMPLE.keys()
    assert {name for name in named if f"${{{name}" not in compose and f" {name}:\n" not in compose} == set()


def test_unset_variables_are_not_passed_as_empty() -> None:
    variables = {**ENV_EXAMPLE, "STARCAST_SECRET_KEY": "k", "POSTGRES_PASSWORD": "p"}
    assert "STARCAST_ORIGINS" not in environment("web", variables)
    assert environment("web", {**variables, "STARCAST_ORIGINS": "https://a.example"})["STARCAST_ORIGINS"] == (
        "https://a.example"
    )


def test_the_proxy_has_room_for_its_processes_and_those_that_a_reload_leaves() -> None:
    template = (REPOSITORY / "deploy" / "nginx" / "nginx.conf.template").read_text()
    (workers,) = re.findall(r"^worker_processes (\d+);$", template, re.MULTILINE)
    assert 1 + 10 * int(workers) < SERVICES["proxy"]["pids_limit"]


def test_the_server_has_room_for_a_thread_of_each_request_that_may_wait() -> None:
    assert SERVICES["web"]["pids_limit"] >= 2 * EngineOptions().max_waiting


def test_the_database_counts_as_healthy_only_where_servers_reach_it() -> None:
    # The server that initdb starts for a moment listens at no address.
    assert SERVICES["postgres"]["healthcheck"]["test"][1:4] == ["pg_isready", "--host", "127.0.0.1"]


def test_the_server_is_given_known_variables_only() -> None:
    documented = (REPOSITORY / "docs" / "configuration.md").read_text()
    given = environment("web", {**ENV_EXAMPLE, "STARCAST_SECRET_KEY": "k", "POSTGRES_PASSWORD": "p"})
    assert given["STARCAST_HTTPS"] == "1"
    assert given["STARCAST_DATABASE_URL"] == "postgresql://starcast:p@postgres:5432/starcast"
    assert all(f"`{name}`" in documented for name in given)


def test_the_address_of_a_client_is_taken_from_the_header_that_the_proxy_sets() -> None:
    command = SERVICES["web"]["command"]
    assert command[command.index("--client-address-header") + 1] == "X-Real-IP"
    template = (REPOSITORY / "deploy" / "nginx" / "nginx.conf.template").read_text()
    assert "proxy_set_header X-Real-IP $remote_addr;" in template


def test_a_server_has_longer_to_stop_than_it_takes() -> None:
    assert int(SERVICES["web"]["stop_grace_period"].removesuffix("s")) > 10


def test_the_image_holds_the_folder_that_checkpoints_are_copied_to() -> None:
    assert re.search(r"install --directory --mode=700 --owner=starcast .*/data/checkpoints$", DOCKERFILE, re.MULTILINE)


def test_the_image_holds_the_server_and_its_licences_alone() -> None:
    copied = " ".join(re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)).split()
    assert {"live/", "model_core/", "static/", "LICENSE", "NOTICE"} <= set(copied)
    assert not {"training/", "tests/", "benchmarks/", "clients/", ".", "./"} & set(copied)
    allowed = (REPOSITORY / ".dockerignore").read_text().splitlines()
    for path in copied:
        assert f"!{path.rstrip('/').split('/')[0]}" in allowed
        assert (REPOSITORY / path).exists()

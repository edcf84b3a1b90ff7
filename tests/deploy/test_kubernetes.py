"""The Kubernetes manifests keep the API's schemas, agree with docker-compose.yml, and fence every pod in."""

import re
import textwrap
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tools.servers import REPOSITORY
from tools.topology.compose import arguments, environment

FOLDER = REPOSITORY / "deploy"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    item for path in KUSTOMIZATION["resources"] for item in yaml.safe_load_all((FOLDER / path).read_text())
]
KUBERNETES = "1.37"


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [item for item in OBJECTS if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> dict[str, dict[str, Any]]:
    return {
        item["metadata"]["name"]: item["spec"]["template"] for item in OBJECTS if "template" in item.get("spec", {})
    }


def container(name: str) -> dict[str, Any]:
    (only,) = pods()[name]["spec"]["containers"]
    return dict(only)


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: f"{item['kind']} {item['metadata']['name']}")
def test_every_object_keeps_the_schema_of_its_kind(item: dict[str, Any]) -> None:
    kubernetes_validate.validate(item, KUBERNETES, strict=True)


def test_the_schemas_find_a_misspelt_field() -> None:
    wrong = {**named("Deployment", "web"), "spec": {**named("Deployment", "web")["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_every_file_is_part_of_the_site() -> None:
    assert {f"kubernetes/{file.name}" for file in (FOLDER / "kubernetes").iterdir()} == set(KUSTOMIZATION["resources"])
    files = {path for generator in KUSTOMIZATION["configMapGenerator"] for path in generator.get("files", [])}
    assert {f"nginx/{file.name}" for file in (FOLDER / "nginx").iterdir()} == files


@pytest.mark.parametrize("name", pods())
def test_every_pod_is_read_only_without_rights_and_bounded(name: str) -> None:
    spec = pods()[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    volumes = {volume["name"] for volume in spec["volumes"]}
    assert all(volume["emptyDir"].get("sizeLimit") for volume in spec["volumes"] if "emptyDir" in volume)
    for each in [*spec.get("initContainers", []), *spec["containers"]]:
        fence = each["securityContext"]
        assert fence["readOnlyRootFilesystem"] is True
        assert fence["allowPrivilegeEscalation"] is False
        assert fence["capabilities"] == {"drop": ["ALL"]}
        assert each["resources"]["limits"].keys() == each["resources"]["requests"].keys() == {"cpu", "memory"}
        assert {mount["name"] for mount in each["volumeMounts"]} == volumes


@pytest.mark.parametrize("name", ["web", "proxy", "redis"])
def test_what_serves_is_probed_at_a_port_that_it_has(name: str) -> None:
    only = container(name)
    ports = {port["name"] for port in only["ports"]}
    for probe in ("readinessProbe", "livenessProbe"):
        asked = only[probe].get("httpGet") or only[probe].get("tcpSocket")
        assert asked is None or asked["port"] in ports
    service = named("Service", name)["spec"]
    assert service["selector"] == pods()[name]["metadata"]["labels"]
    assert {port["targetPort"] for port in service["ports"]} <= ports


def test_a_stop_has_time_for_the_pause_and_the_goodbye() -> None:
    pause_s = container("web")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pods()["web"]["spec"]["terminationGracePeriodSeconds"] > pause_s + 10


def test_a_server_waits_until_the_tables_are_those_of_its_version() -> None:
    (first,) = pods()["web"]["spec"]["initContainers"]
    assert "until python manage.py migrate --check" in first["command"][-1]
    for name in ("image", "envFrom"):
        assert first[name] == container("web")[name] == container("migrate")[name]


def test_an_upgrade_never_has_fewer_servers_and_the_autoscaler_alone_counts_them() -> None:
    web = named("Deployment", "web")["spec"]
    assert web["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in web
    scaler = named("HorizontalPodAutoscaler", "web")["spec"]
    assert scaler["scaleTargetRef"]["name"] == "web"
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert scaler["metrics"][0]["resource"]["name"] == "cpu"


def test_server_and_proxy_run_as_in_compose() -> None:
    assert container("web")["command"] == arguments("web")
    assert container("proxy")["args"] == arguments("proxy")
    assert container("redis")["args"] == arguments("redis")
    proxy = {entry["name"]: entry.get("value") for entry in container("proxy")["env"]}
    expected = environment("proxy", {})
    assert proxy.keys() == expected.keys()
    for name in ("NGINX_UPSTREAM_OF_PAGES", "NGINX_UPSTREAM_OF_SOCKETS"):
        assert proxy[name] == expected[name].replace("web", "web.starcast.svc.cluster.local")
    (site,) = [entry for entry in KUSTOMIZATION["configMapGenerator"] if entry["name"] == "site"]
    given = dict(literal.split("=", 1) for literal in site["literals"])
    variables = {"STARCAST_SECRET_KEY": "k", "POSTGRES_PASSWORD": "p", "STARCAST_HOST": "stars.example.org"}
    secret = {"STARCAST_SECRET_KEY", "STARCAST_DATABASE_URL", "STARCAST_METRICS_TOKEN"}
    assert given == {name: value for name, value in environment("web", variables).items() if name not in secret}


def test_the_overlay_of_the_docs_changes_what_there_is() -> None:
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    (written,) = re.findall(r"^ *```yaml\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)
    overlay = yaml.safe_load(textwrap.dedent(written))
    assert overlay["resources"] == [f"../starcast/{FOLDER.relative_to(REPOSITORY)}"]
    # Kustomize looks for the name that the base has given it.
    assert [image["name"] for image in overlay["images"]] == [image["newName"] for image in KUSTOMIZATION["images"]]
    (changed,) = overlay["configMapGenerator"]
    (site,) = [entry for entry in KUSTOMIZATION["configMapGenerator"] if entry["name"] == changed["name"]]
    for literal in changed["literals"]:
        assert f"{literal.split('=')[0]}=" in " ".join(site["literals"])


def test_only_the_proxy_takes_what_comes_from_outside() -> None:
    assert named("NetworkPolicy", "nothing-else")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert [item["metadata"]["name"] for item in OBJECTS if item.get("spec", {}).get("type") == "LoadBalancer"] == [
        "proxy"
    ]
    for name in ("web", "redis"):
        (rule,) = named("NetworkPolicy", name)["spec"]["ingress"]
        assert rule["from"]
        assert {port["port"] for port in rule["ports"]} == {port["containerPort"] for port in container(name)["ports"]}

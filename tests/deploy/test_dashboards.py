"""The dashboard and the alerts use only existing metrics and labels."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.conf import settings

from live.monitoring.metrics import REGISTRY, note_model
from model_core.fake import FAKE_INFO
from tools.servers import REPOSITORY

DASHBOARD: dict[str, Any] = json.loads((REPOSITORY / "deploy" / "grafana.json").read_text())
RULES: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy" / "alerts.yml").read_text())
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",), "gauge": ("",)}
SCRAPED = {"job", "instance"}
"""Labels that Prometheus puts on everything."""


def labels_by_metric() -> dict[str, set[str]]:
    """For the name of each sample its labels; those that have no child yet are known by their declaration."""
    note_model(FAKE_INFO)
    found: dict[str, set[str]] = {"up": SCRAPED}
    for collector in set(REGISTRY._collector_to_names):
        declared = set(getattr(collector, "_labelnames", ()))
        for family in collector.collect():
            for suffix in SUFFIXES.get(family.type, ("",)):
                extra = {"le"} if suffix == "_bucket" else set()
                extra |= {label for sample in family.samples for label in sample.labels if family.type == "info"}
                found[family.name + suffix] = declared | extra | SCRAPED
    return found


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (annotation["expr"] for annotation in DASHBOARD["annotations"]["list"])
    yield from (rule["expr"] for rule in ALERTS)


def metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:starcast|process|python)_\w+|\bup\b", re.sub(r'"[^"]*"', '""', expression)))


@pytest.mark.parametrize("expression", list(expressions()))
def test_it_asks_for_metrics_and_labels_that_there_are(expression: str) -> None:
    known = labels_by_metric()
    names = metrics_in(expression)
    assert names
    assert names <= known.keys()
    grouped = {label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(", ")}
    selected = set(re.findall(r"[{,]\s*(\w+)(?:=~|!~|!=|=)", expression))
    for label in grouped | selected:
        assert any(label in known[name] for name in names), label
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = {name for panel in DASHBOARD["panels"] for t in panel.get("targets", ()) for name in metrics_in(t["expr"])}
    families = [family.name for family in REGISTRY.collect() if family.name.startswith("starcast_")]
    assert len(families) > 15
    assert [family for family in families if not any(name.startswith(family) for name in shown)] == []


def test_legends_name_labels_that_the_expression_leaves() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                aggregated = re.findall(r"\bby \(([^)]*)\)", target["expr"])
                assert label == "instance" or any(label in group for group in aggregated), (panel["title"], label)


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    places: set[tuple[int, int]] = set()
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= cells


def test_alerts_say_how_bad_it_is_and_what_happened() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS) > 5
    for rule in ALERTS:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0m"))


def test_a_hanging_model_is_told_after_texts_were_given_up() -> None:
    (rule,) = [rule for rule in ALERTS if rule["alert"] == "StarcastModelHangs"]
    assert float(rule["expr"].split(">")[1]) > settings.STARCAST_ENGINE["deadline_ms"] / 1000

"""The PromQL of dashboards and rules, where it stands and what it names."""

import json
import re

import yaml

from program import SOURCE

DASHBOARDS = SOURCE / "deploy/grafana/dashboards"
RULES = SOURCE / "deploy/prometheus/rules"
PARTS_OF_HISTOGRAM = re.compile("_(bucket|sum|count)$")


def dashboards():
    return {file.stem: json.loads(file.read_text()) for file in sorted(DASHBOARDS.glob("*.json"))}


def panel_expressions():
    """(where, expression) of every query of every panel."""
    return [(f"{name}: {panel['title']}", target["expr"])
            for name, board in dashboards().items() for panel in board["panels"]
            for target in panel.get("targets", [])]


def variable_queries():
    """(where, metric with selector, label) of every variable that is filled from Prometheus."""
    found = []
    for name, board in dashboards().items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)",
                                             variable["query"]["query"]).groups()
                found.append((f"{name}: ${variable['name']}", metric, label))
    return found


def rules():
    """Every rule of every file."""
    return [rule for file in sorted(RULES.glob("*.yml"))
            for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def name_of(rule):
    return rule.get("record") or rule["alert"]


def metrics_in(expression):
    """The names of the program's metrics in it, a histogram's without its part."""
    return set(re.findall(r"\bcecollm_[a-z_]+", expression))


def recorded_in(expression):
    return set(re.findall(r"\b(?:cecollm|vllm):[a-z0-9_:]+", expression))


def selectors_in(expression):
    """(metric, labels that its selector looks at)."""
    found = []
    for metric, selector in re.findall(r"\b((?:cecollm|up)[a-z0-9_:]*)\{([^}]*)\}", expression):
        found.append((metric, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))))
    return found

"""Metrics have the same names in the program, its documentation, the dashboards and the rules."""

import filecmp
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml

from expressions import (DASHBOARDS, PARTS_OF_HISTOGRAM, RULES, dashboards, metrics_in, name_of,
                         panel_expressions, recorded_in, rules, selectors_in, variable_queries)
from program import BINARY, SOURCE, main, run

FROM_PROMETHEUS = {"instance", "job"}  # labels that scraping adds


def documentation():
    return run(BINARY, "metrics").stdout


def metrics():
    """Name → (type, labels)."""
    found = {}
    for line in documentation().splitlines():
        row = re.match(r"\| `(\w+)` \| (\w+) \| (.*?) \| ", line)
        if row:
            labels = set(re.findall(r"`(\w+)`", row[3]))
            if row[1] in found:  # of edge and cloud alike
                labels |= found[row[1]][1]
            found[row[1]] = (row[2], labels)
    assert len(found) > 50, "cecollm metrics printed no tables"
    return found


METRICS = metrics()


def known(name):
    """The metric of a series' name; None where there is none."""
    if name in METRICS:
        return name
    base = PARTS_OF_HISTOGRAM.sub("", name)
    return base if base in METRICS and METRICS[base][0] == "histogram" else None


class Names(unittest.TestCase):
    def check(self, where, text):
        for name in metrics_in(text):
            self.assertIsNotNone(known(name), f"{where}: {name} is no metric")
            if name in METRICS:
                self.assertNotEqual(METRICS[name][0], "histogram",
                                    f"{where}: {name} needs _bucket, _sum or _count")

    def test_documentation_is_what_the_program_prints(self):
        page = (SOURCE / "docs/metrics.md").read_text()
        begin, end = "<!-- cecollm metrics: begin -->\n", "<!-- cecollm metrics: end -->"
        self.assertEqual(page.split(begin)[1].split(end)[0], documentation(),
                         "put the output of 'cecollm metrics' between the markers")

    def test_panels_and_rules_use_metrics_that_there_are(self):
        for where, expression in panel_expressions():
            self.check(where, expression)
        for rule in rules():
            self.check(name_of(rule), rule["expr"])
        for where, metric, _ in variable_queries():
            self.check(where, metric)

    def test_panels_and_rules_look_at_labels_that_there_are(self):
        expressions = panel_expressions() + [(name_of(rule), rule["expr"]) for rule in rules()]
        for where, expression in expressions + [(w, m) for w, m, _ in variable_queries()]:
            for metric, labels in selectors_in(expression):
                if ":" in metric or metric == "up":
                    self.assertLessEqual(labels, FROM_PROMETHEUS, where)
                    continue
                has = METRICS[known(metric)][1] | FROM_PROMETHEUS
                if metric.endswith("_bucket"):
                    has = has | {"le"}
                self.assertLessEqual(labels, has, f"{where}: {metric}")

    def test_texts_name_metrics_that_there_are(self):
        """Words in code quotes, and whatever the sources that read metrics have in quotes."""
        texts = [*SOURCE.glob("*.md"), *SOURCE.glob("docs/*.md"), *SOURCE.glob("deploy/**/*.yaml")]
        for file in texts:
            for name in re.findall(r"`(cecollm_[a-z_]+)[`{]", file.read_text()):
                self.assertIsNotNone(known(name), f"{file}: {name}")
        for file in [*SOURCE.glob("load/*.cpp"), *SOURCE.glob("apps/*.cpp")]:
            for name in re.findall(r'"(cecollm_[a-z_]+)"', file.read_text()):
                self.assertIsNotNone(known(name), f"{file}: {name}")

    def test_every_metric_is_on_a_dashboard(self):
        shown = {known(name) for _, expression in panel_expressions()
                 for name in metrics_in(expression)}
        # The tiles of a cloud's memory show them as shares.
        for rule in rules():
            if "record" in rule and any(name_of(rule) in expression
                                        for _, expression in panel_expressions()):
                shown |= {known(name) for name in metrics_in(rule["expr"])}
        self.assertEqual(set(METRICS) - shown, set())

    def test_recorded_names_are_recorded_before_they_are_used(self):
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        for where, expression in panel_expressions() + [(name_of(r), r["expr"]) for r in rules()]:
            self.assertLessEqual(recorded_in(expression), recorded, where)


class Generated(unittest.TestCase):
    def same(self, script, places):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, "-B", SOURCE / script, folder],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            names = sorted(path.name for path in Path(folder).iterdir())
            self.assertEqual(names, sorted(path.name for path in places))
            for path in places:
                self.assertTrue(filecmp.cmp(path, Path(folder) / path.name, shallow=False),
                                f"{path} is not what {script} writes: run it")

    def test_dashboards_are_what_their_script_writes(self):
        self.same("monitoring/dashboards/make_dashboards.py", list(DASHBOARDS.glob("*")))

    def test_rules_are_what_their_script_writes(self):
        self.same("monitoring/rules/make_rules.py",
                  [RULES / "vllm.yml",
                   SOURCE / "deploy/kubernetes/monitoring/prometheusrule.yaml"])

    def test_the_operators_rules_are_the_same_as_prometheus_reads(self):
        operator = yaml.safe_load(
            (SOURCE / "deploy/kubernetes/monitoring/prometheusrule.yaml").read_text())
        there = [rule for group in operator["spec"]["groups"] for rule in group["rules"]]
        self.assertEqual(sorted(map(str, there)), sorted(map(str, rules())))


def urls_in(value):
    if isinstance(value, dict):
        return [found for key, inner in value.items()
                for found in ([inner] if key == "url" else urls_in(inner))]
    if isinstance(value, list):
        return [found for inner in value for found in urls_in(inner)]
    return []


class Dashboards(unittest.TestCase):
    def test_place_panels_side_by_side(self):
        for name, board in dashboards().items():
            cells = [(panel["gridPos"]["x"] + dx, panel["gridPos"]["y"] + dy)
                     for panel in board["panels"] for dx in range(panel["gridPos"]["w"])
                     for dy in range(panel["gridPos"]["h"])]
            self.assertEqual(len(cells), len(set(cells)), f"{name}: panels cover each other")
            self.assertLessEqual(max(x for x, _ in cells), 23, name)
            ids = [panel["id"] for panel in board["panels"]]
            self.assertEqual(len(ids), len(set(ids)))

    def test_lead_to_each_other(self):
        boards = dashboards()
        for name, board in boards.items():
            self.assertEqual(board["uid"], name)
            linked = {re.match(r"/d/([\w-]+)", link["url"])[1] for link in board["links"]}
            self.assertEqual(linked, set(boards) - {name})

    def test_links_go_to_dashboards_and_variables_that_there_are(self):
        boards = dashboards()
        for name, board in boards.items():
            for url in urls_in(board):
                uid, rest = re.match(r"/d/([\w-]+)(.*)", url).groups()
                self.assertIn(uid, boards, name)
                there = {each["name"] for each in boards[uid]["templating"]["list"]}
                self.assertLessEqual(set(re.findall(r"var-(\w+)=", rest)), there, name)

    def test_use_variables_that_they_have(self):
        for name, board in dashboards().items():
            there = {each["name"] for each in board["templating"]["list"]}
            self.assertLessEqual({"datasource", "model"}, there)
            used = set(re.findall(r"\$(?!__)\{?(\w+)", str(board["panels"])))
            used -= {"__url_time_range", "__field", "__value"}
            self.assertLessEqual(used, there, name)


class Alerts(unittest.TestCase):
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}

    def test_each_has_its_section_in_the_handbook(self):
        headings = re.findall(r"(?m)^### (Cecollm\w+)$", (SOURCE / "docs/monitoring.md").read_text())
        self.assertEqual(sorted(headings), sorted(self.alerts))
        for name, alert in self.alerts.items():
            self.assertEqual(alert["annotations"]["runbook"], f"docs/monitoring.md#{name.lower()}")
            self.assertIn(alert["labels"]["severity"], ("page", "ticket"))

    def test_each_is_tested_to_fire_and_to_be_silent(self):
        tests = yaml.safe_load((SOURCE / "tests/deploy/alerts_test.yml").read_text())["tests"]
        fires, silent = set(), set()
        for test in tests:
            for case in test["alert_rule_test"]:
                (fires if case["exp_alerts"] else silent).add(case["alertname"])
        self.assertEqual(fires, set(self.alerts))
        self.assertEqual(silent, set(self.alerts))


if __name__ == "__main__":
    main()

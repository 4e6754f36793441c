"""A real Prometheus reads a running cloud and two edges under light load, with the shipped rules, and
answers every query of every dashboard and rule: none may come back empty. Run by
scripts/test-monitoring.sh, since it needs Debian's prometheus."""

import json
import math
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from expressions import RULES, name_of, panel_expressions, rules, variable_queries
from program import MODEL, SOURCE, Node, eventually, main, run

# Expression → why it may be empty here. There is none: whatever is empty in a healthy fleet is asked
# for without its bound (see without_bound), and all else is provoked by the load.
MAY_BE_EMPTY = {}

PROMPTS = ("Once upon a time", "The little dog", "Tom and Ann went to the park", "One day, a bird")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def without_bound(expression):
    """An alert's expression, whose outermost comparisons filter nothing: a healthy node's value
    against each bound, so that a wrong name still shows."""
    depth, out = 0, []
    for part in re.split(r"(\(|\)|\{[^}]*\}|[<>!=]=|[<>])", expression):
        depth += {"(": 1, ")": -1}.get(part, 0)
        out.append(part + " bool" if depth == 0 and part in ("==", "!=", ">", "<", ">=", "<=")
                   else part)
    return "".join(out)


def with_variables(expression):
    """As Grafana sends it where everything is chosen."""
    expression = re.sub(r"\$__(rate_interval|interval)\b", "20s", expression)
    return re.sub(r"\$\w+", ".*", expression)


class Load(threading.Thread):
    """Requests to every edge, one after another, until it is stopped."""

    def __init__(self, edges):
        super().__init__(daemon=True)
        self.edges, self.over, self.answers, self.problem = edges, threading.Event(), 0, None

    def run(self):
        try:
            while not self.over.is_set():
                for i, edge in enumerate(self.edges):
                    body = json.dumps({"prompt": PROMPTS[(self.answers + i) % len(PROMPTS)],
                                       "max_tokens": 24, "ignore_eos": True}).encode()
                    request = urllib.request.Request(f"http://{edge}/v1/completions", body,
                                                     {"Content-Type": "application/json"})
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        self.answers += json.load(answer)["usage"]["completion_tokens"] == 24
        except (urllib.error.URLError, OSError, ValueError, KeyError) as problem:
            self.problem = problem


class Prometheus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        common = ["--model", MODEL, "--threads", "1"]
        cls.targets = {"cecollm-cloud": [f"127.0.0.1:{free_port()}"],
                       "cecollm-edge": [f"127.0.0.1:{free_port()}" for _ in range(2)]}
        cloud = Node(["cloud", *common, "--listen", "127.0.0.1:0", "--insecure", "--metrics",
                      cls.targets["cecollm-cloud"][0], "--kv-memory", "64MiB"])
        cls.addClassCleanup(cloud.stop, 60)
        edges = []
        for target in cls.targets["cecollm-edge"]:
            edge = Node(["edge", *common, "--cloud", cloud.address(), "--insecure", "--threshold",
                         "0.7", "--link", "rtt=10ms,up=2mbit", "--http", "127.0.0.1:0",
                         "--metrics", target])
            cls.addClassCleanup(edge.stop, 60)
            edges.append(edge.address())
        cls.load = Load(edges)
        cls.load.start()
        cls.addClassCleanup(cls.load.over.set)
        cls.start_prometheus()
        cls.wait_for_samples()

    @classmethod
    def start_prometheus(cls):
        cls.config = cls.folder / "prometheus.yml"
        settings = yaml.safe_load((SOURCE / "deploy/prometheus/prometheus.yml").read_text())
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        settings["rule_files"] = [f"{RULES}/*.yml"]
        for job in settings["scrape_configs"]:
            job["static_configs"] = [{"targets": cls.targets[job["job_name"]]}]
        cls.config.write_text(yaml.safe_dump(settings))
        cls.address = f"127.0.0.1:{free_port()}"
        log = open(cls.folder / "log", "w")
        cls.addClassCleanup(log.close)
        process = subprocess.Popen(
            ["prometheus", f"--config.file={cls.config}", f"--web.listen-address={cls.address}",
             f"--storage.tsdb.path={cls.folder / 'data'}"], stdout=log, stderr=log)

        def stop():
            process.terminate()
            process.wait(30)

        cls.addClassCleanup(stop)

    @classmethod
    def wait_for_samples(cls):
        """Until every rate has samples enough, and rules that use rules have been evaluated."""
        def ready():
            try:
                get(f"http://{cls.address}/-/ready")
                enough = cls.ask('min(count_over_time(up{job=~"cecollm-.+"}[1m])) >= 15')
                return bool(enough) and bool(cls.ask("vllm:e2e_request_latency_seconds_count > 2"))
            except OSError:
                return False

        assert eventually(ready, 90), (cls.folder / "log").read_text()

    @classmethod
    def api(cls, path, **arguments):
        url = f"http://{cls.address}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        try:
            return json.loads(get(url))["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{arguments}: {error.read().decode()}") from error

    @classmethod
    def ask(cls, expression):
        """The values of an expression now, less those that are no number."""
        answer = cls.api("query", query=expression)
        samples = [answer["result"]] if answer["resultType"] == "scalar" else [
            each["value"] for each in answer["result"]]
        return [float(value) for _, value in samples if not math.isnan(float(value))]

    def check_all(self, expressions):
        self.assertIsNone(self.load.problem)
        empty = [f"{where}: {expression}" for where, expression in expressions
                 if not self.ask(expression) and expression not in MAY_BE_EMPTY]
        self.assertEqual(empty, [], "\n".join(empty))
        return len(expressions)

    def test_answers_every_panel(self):
        count = self.check_all([(where, with_variables(expression))
                                for where, expression in panel_expressions()])
        print(f"{count} queries of panels, none empty")

    def test_fills_every_variable(self):
        for where, metric, label in variable_queries():
            series = self.api("series", **{"match[]": with_variables(metric)})
            self.assertTrue([each[label] for each in series if each.get(label)], where)

    def test_answers_every_rule(self):
        expressions = []
        for rule in rules():
            if "record" in rule:
                expressions += [(name_of(rule), rule["expr"]), (name_of(rule), rule["record"])]
            else:
                expressions.append((name_of(rule), without_bound(rule["expr"])))
        count = self.check_all(expressions)
        print(f"{count} queries of rules, none empty")

    def test_has_no_trouble_with_a_rule_and_no_alert_fires(self):
        names = []
        for group in self.api("rules")["groups"]:
            for rule in group["rules"]:
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))
                names.append(rule["name"])
                if rule["type"] == "alerting":
                    self.assertNotEqual(rule["state"], "firing", rule["name"])
        self.assertEqual(sorted(names), sorted(name_of(rule) for rule in rules()))

    def test_would_notice_a_wrong_name(self):
        self.assertEqual(self.ask("rate(cecollm_tokens_totals[20s])"), [])
        self.assertEqual(self.ask(without_bound('up{job="nobody"} == 0')), [])
        self.assertTrue(self.ask(without_bound('up{job=~"cecollm-.+"} == 0')))

    def test_sees_tokens_of_exits_and_of_the_cloud(self):
        for source in ("exit1", "cloud"):
            self.assertGreater(
                self.ask(f'sum(cecollm_tokens_total{{source="{source}"}})')[0], 0, source)
        self.assertGreater(self.load.answers, 0)


class Promtool(unittest.TestCase):
    def test_accepts_the_configuration_and_the_rules(self):
        run("promtool", "check", "config", "--syntax-only",
            SOURCE / "deploy/prometheus/prometheus.yml", environment={"HOME": os.environ["HOME"]})
        run("promtool", "check", "rules", "--lint-fatal", *sorted(RULES.glob("*.yml")))

    def test_sees_every_alert_fire_and_be_silent(self):
        run("promtool", "test", "rules", SOURCE / "tests/deploy/alerts_test.yml")


if __name__ == "__main__":
    main()

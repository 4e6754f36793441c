"""What deploy/compose.yaml describes, one cloud and three edges behind different links, runs: each
service's own command and settings, in a network namespace of its own in the place of a container.
Needs root and network namespaces."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from deployment_files_test import dockerfile, image_environment
from program import INSTALLED_MODEL, MODEL, SOURCE, Node, eventually, main, run

SCRIPT = SOURCE / "scripts/netns.sh"
EDGES = ("edge1", "edge2", "edge3")
HERE = {"CECOLLM_NETNS": f"d{os.getpid() % 10_000_000}"}


def namespaces_work():
    name = HERE["CECOLLM_NETNS"] + "-try"
    added = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    return added and subprocess.run(["ip", "netns", "del", name]).returncode == 0


@unittest.skipUnless(os.geteuid() == 0 and namespaces_work(), "needs root and network namespaces")
class Topology(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.pki = folder.name
        self.services = yaml.safe_load((SOURCE / "deploy/compose.yaml").read_text())["services"]
        self.netns("up", len(EDGES))
        self.addCleanup(self.netns, "down")
        self.hosts = {name: f"10.77.{i}.2" for i, name in enumerate(EDGES, 1)}
        run("sh", SOURCE / "deploy/pki/make-dev-pki.sh", self.pki, *self.hosts.values())

    def netns(self, *arguments):
        return run(SCRIPT, *arguments, environment=HERE)

    def inside(self, node):
        return (SCRIPT, "exec", node)

    def start(self, name):
        """The service's command, with the paths and the cloud's address of this machine."""
        settings = {**image_environment(), **self.services[name]["environment"]}
        for key, value in settings.items():
            value = value.replace("/usr/share/cecollm/traces", str(SOURCE / "bench/traces"))
            value = value.replace(INSTALLED_MODEL, str(MODEL)).replace("/pki/", f"{self.pki}/")
            if key == "CECOLLM_LINK_CLOUD":
                value = value.replace("cloud", self.hosts[name])
            settings[key] = value
        node = Node(self.services[name]["command"], self.inside(name),
                    {**HERE, **settings, "CECOLLM_MODEL_THREADS": "1"})
        self.addCleanup(node.stop, 60)
        return node

    def curl(self, node, path, *arguments):
        return run(*self.inside(node), "curl", "-sSf", "--max-time", "120",
                   f"http://127.0.0.1:{path}", *arguments, environment=HERE).stdout

    def metric(self, node, name):
        lines = self.curl(node, "9464/metrics").splitlines()
        return sum(float(line.split()[-1]) for line in lines
                   if line.split("{")[0].split(" ")[0] == name)

    def start_prometheus(self):
        """deploy/prometheus/prometheus.yml where every node can be reached; the same jobs, the nodes'
        names replaced by their addresses."""
        text = (SOURCE / "deploy/prometheus/prometheus.yml").read_text()
        for name, host in {"cloud": "10.77.0.1",
                           **{edge: f"10.77.{i}.1" for i, edge in enumerate(EDGES, 1)}}.items():
            text = text.replace(f'"{name}:', f'"{host}:')
        config = {**yaml.safe_load(text), "rule_files": []}
        config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = Path(folder.name) / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        process = subprocess.Popen(
            [*self.inside("relay"), "prometheus", f"--config.file={file}",
             f"--storage.tsdb.path={folder.name}/data", "--web.listen-address=127.0.0.1:9090"],
            env={**os.environ, **HERE}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, 60)
        self.addCleanup(process.terminate)

    def query(self, expression):
        """The values that Prometheus has, by instance."""
        done = run(*self.inside("relay"), "curl", "-sSf", "--get", "--data-urlencode",
                   f"query={expression}", "http://127.0.0.1:9090/api/v1/query", environment=HERE,
                   check=False)
        if done.returncode != 0:
            return {}
        return {one["metric"].get("instance"): float(one["value"][1])
                for one in json.loads(done.stdout)["data"]["result"]}

    def test_every_edge_completes_and_every_node_is_healthy_and_ends_in_order(self):
        nodes = {"cloud": self.start("cloud")}
        for name, host in self.hosts.items():
            # The edges emulate their links themselves; the relay only joins the namespaces.
            relay = Node(["relay", "--listen", f"{host}:7070", "--to", "10.77.0.1:7070", "--link",
                          "rtt=1ms"], self.inside("relay"), HERE)
            self.addCleanup(relay.stop, 60)
            nodes[name] = self.start(name)
        health_check = json.loads(dockerfile()["HEALTHCHECK"][0].split("CMD", 1)[1])
        for name in nodes:
            run(*self.inside(name), *health_check, environment=HERE)
        self.assertTrue(eventually(lambda: self.metric("cloud", "cecollm_cloud_connections") == 3),
                        "not every edge reached the cloud")
        body = json.dumps({"prompt": "Once upon a time", "max_tokens": 12, "temperature": 0})
        for name in EDGES:
            answer = json.loads(self.curl(name, "8080/v1/completions", "-d", body))
            self.assertTrue(answer["choices"][0]["text"].strip(), name)
            self.assertEqual(self.metric(name, "cecollm_tokens_total"), 12, name)
        self.assertGreater(self.metric("cloud", "cecollm_cloud_tokens_total"), 0)
        with self.subTest("Prometheus scrapes every node"):
            if not shutil.which("prometheus"):
                self.skipTest("prometheus is not installed")
            self.start_prometheus()
            self.assertTrue(eventually(lambda: sum(self.query("up").values()) == 4), self.query("up"))
            tokens = "sum by (instance) (cecollm_tokens_total)"
            self.assertTrue(
                eventually(lambda: sorted(self.query(tokens).values()) == [12, 12, 12]),
                self.query(tokens))
        for name in (*EDGES, "cloud"):
            limit = int(self.services[name]["stop_grace_period"].rstrip("s"))
            self.assertEqual(nodes[name].stop(limit), 0, name)


if __name__ == "__main__":
    main()

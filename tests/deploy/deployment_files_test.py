"""The files of deploy/ agree with each other and with the program. They are parsed, not built: no
container engine and no cluster is needed."""

import configparser
import json
import re
import tempfile
import unittest
from pathlib import Path

import yaml

from program import BINARY, MODEL, SOURCE, Node, flags_of, main, run, setting_keys

DEPLOY = SOURCE / "deploy"
KEYS = setting_keys()
VARIABLES = {variable: node for _, variable, node in KEYS.values()}
HEALTH_PATHS = {"/livez", "/readyz"}
METRICS_PATH = "/metrics"
INSTALLED_TRACES = "/usr/share/cecollm/traces"
ACTOR_LIMIT_S = 30  # of apps/*_node.cpp
DRAIN_S = 10  # default of api.drain_timeout


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def dockerfile():
    """Instruction → its arguments, of the last stage."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text()))
    found = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, rest = line.split(None, 1)
        if name == "FROM":
            found = {}
        found.setdefault(name, []).append(rest)
    return found


def image_environment():
    return dict(re.findall(r"(\w+)=(\S+)", dockerfile()["ENV"][0]))


def port_of(address):
    return int(str(address).rsplit(":", 1)[1])


def toml_value(path, table, key):
    """A plain text value; TOML's reader comes with Python 3.11, but then it is one line here."""
    here = None
    for line in path.read_text().splitlines():
        if line.startswith("["):
            here = line.strip("[] ")
        elif here == table and line.split("=")[0].strip() == key:
            return line.split("=", 1)[1].strip().strip('"')
    return None


class Case(unittest.TestCase):
    def check_command(self, arguments):
        """A subcommand of the program, and flags that it has."""
        subcommand = arguments[0]
        self.assertIn(subcommand, ("cloud", "edge"))
        known = flags_of(subcommand)
        for argument in arguments[1:]:
            if argument.startswith("--"):
                self.assertIn(argument, known)

    def check_environment(self, node, environment):
        ours = {name: str(value).replace(INSTALLED_TRACES, str(SOURCE / "bench/traces"))
                for name, value in environment.items() if name.startswith("CECOLLM")}
        for name in ours:
            self.assertIn(name, VARIABLES)
            self.assertIn(VARIABLES[name], (node, "both"), name)
        with tempfile.NamedTemporaryFile(suffix=".toml") as empty:
            run(BINARY, "config", "check", empty.name, "--node", node, environment=ours)


class Configurations(Case):
    def test_every_file_is_good_for_its_node(self):
        files = sorted(DEPLOY.rglob("*.toml"))
        self.assertGreaterEqual(len(files), 6)
        for file in files:
            self.assertIn(f"good for the {file.stem}", run(BINARY, "config", "check", file).stdout)

    def test_a_wrong_key_would_be_found(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = Path(folder) / "cloud.toml"
            wrong.write_text((DEPLOY / "config/cloud.toml").read_text().replace("listen", "listn", 1))
            self.assertEqual(run(BINARY, "config", "check", wrong, check=False).returncode, 2)


class Units(Case):
    def unit(self, node):
        parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
        parser.optionxform = str
        parser.read(DEPLOY / f"systemd/cecollm-{node}.service")
        return parser["Service"]

    def lines(self, node, name):
        text = (DEPLOY / f"systemd/cecollm-{node}.service").read_text()
        return re.findall(rf"(?m)^{name}=(.*)$", text)

    def test_start_the_program_with_the_packaged_configuration(self):
        for node in ("cloud", "edge"):
            program, *arguments = self.unit(node)["ExecStart"].split()
            self.assertEqual(program, "/usr/bin/cecollm")
            self.check_command(arguments)
            self.assertEqual(arguments, [node, "--config", f"/etc/cecollm/{node}.toml"])
            self.assertTrue((DEPLOY / f"config/{node}.toml").exists())

    def test_hand_over_the_files_that_the_configuration_names(self):
        for node in ("cloud", "edge"):
            named = re.findall(rf"/run/credentials/cecollm-{node}\.service/([a-z.-]+)",
                               (DEPLOY / f"config/{node}.toml").read_text())
            loaded = [line.split(":")[0] for line in self.lines(node, "LoadCredential")]
            self.assertEqual(sorted(named), sorted(loaded))
            self.assertEqual(len(loaded), 4)

    def test_wait_longer_than_the_drain(self):
        for node, drain in (("cloud", ACTOR_LIMIT_S), ("edge", ACTOR_LIMIT_S + DRAIN_S)):
            self.assertGreater(int(self.unit(node)["TimeoutStopSec"].rstrip("s")), drain)

    def test_are_confined_alike(self):
        cloud, edge = dict(self.unit("cloud")), dict(self.unit("edge"))
        for name in ("DynamicUser", "NoNewPrivileges", "ProtectSystem", "SystemCallFilter",
                     "CapabilityBoundingSet", "RestrictAddressFamilies"):
            self.assertEqual(cloud[name], edge[name])
        self.assertEqual(cloud["ProtectSystem"], "strict")
        self.assertEqual(cloud["NoNewPrivileges"], "yes")

    def test_use_ports_apart_from_each_other(self):
        ports = [port_of(toml_value(DEPLOY / f"config/{node}.toml", table, "listen"))
                 for node, table in (("cloud", "link"), ("cloud", "metrics"), ("edge", "api"),
                                     ("edge", "metrics"))]
        self.assertEqual(len(set(ports)), 4)


class Image(Case):
    def test_starts_the_program_as_nobody_special(self):
        image = dockerfile()
        self.assertEqual(json.loads(image["ENTRYPOINT"][0]), ["/usr/bin/cecollm"])
        self.assertNotIn(image["USER"][0].split(":")[0], ("0", "root"))
        run(BINARY, *json.loads(image["CMD"][0]))
        for node in ("cloud", "edge"):
            self.check_environment(node, {**image_environment(), **(
                {"CECOLLM_LINK_LISTEN": "127.0.0.1:0", "CECOLLM_LINK_INSECURE": "true"}
                if node == "cloud" else {})})

    def test_copies_what_is_here(self):
        text = (DEPLOY / "Dockerfile").read_text()
        for source in re.findall(r"(?m)^COPY (\S+) ", text):
            self.assertTrue((SOURCE / source).exists(), source)
        preset = re.search(r"cmake --preset (\S+)", text)[1]
        presets = json.loads((SOURCE / "CMakePresets.json").read_text())["configurePresets"]
        self.assertIn(preset, [each["name"] for each in presets])

    def test_health_check_tells_a_ready_node_from_none(self):
        command = json.loads(dockerfile()["HEALTHCHECK"][0].split("CMD", 1)[1])
        port = port_of(image_environment()["CECOLLM_METRICS_LISTEN"])
        self.assertIn(f"/{port} ", command[-1])
        node = Node(["edge", "--model", MODEL, "--threads", "1", "--mode", "standalone", "--http",
                     "127.0.0.1:0"])
        self.addCleanup(node.stop, 60)
        # The API has the routes of --metrics, and tells its port.
        here = [part.replace(f"/{port} ", f"/{port_of(node.address())} ") for part in command]
        run(*here)
        self.assertNotEqual(run(*[part.replace(f"/{port} ", "/1 ") for part in command],
                                check=False).returncode, 0)


class Compose(Case):
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())

    def nodes(self):
        return {name: service for name, service in self.compose["services"].items()
                if name == "cloud" or re.fullmatch(r"edge\d", name)}

    def test_is_one_cloud_and_three_edges_with_different_links(self):
        nodes = self.nodes()
        self.assertEqual(sorted(nodes), ["cloud", "edge1", "edge2", "edge3"])
        traces = {nodes[name]["environment"]["CECOLLM_LINK_EMULATE_TRACE"] for name in nodes
                  if name != "cloud"}
        self.assertEqual(len(traces), 3)
        for trace in traces:
            self.assertEqual(Path(trace).parent, Path(INSTALLED_TRACES))
            self.assertTrue((SOURCE / "bench/traces" / Path(trace).name).exists(), trace)

    def test_starts_the_program_with_settings_that_exist(self):
        for name, service in self.nodes().items():
            node = name.rstrip("123")
            self.assertEqual(service["command"][0], node)
            self.check_command(service["command"])
            self.check_environment(node, {**image_environment(), **service["environment"]})

    def test_confines_every_node(self):
        for name, service in self.nodes().items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            self.assertGreater(int(service["stop_grace_period"].rstrip("s")),
                               ACTOR_LIMIT_S + (DRAIN_S if name != "cloud" else 0))

    def test_mounts_what_is_here_or_named(self):
        for name, service in self.compose["services"].items():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue((DEPLOY / source).exists(), f"{name}: {source}")
                else:
                    self.assertIn(source, self.compose["volumes"])

    def test_publishes_ports_that_are_listened_on_and_only_to_this_host(self):
        for name, service in self.compose["services"].items():
            for port in service.get("ports", []):
                self.assertTrue(port.startswith("127.0.0.1:"), port)
                if name in self.nodes():
                    self.assertEqual(port_of(port),
                                     port_of(service["environment"]["CECOLLM_API_LISTEN"]))
        cloud = self.nodes()["cloud"]["environment"]
        for name, service in self.nodes().items():
            if name != "cloud":
                self.assertEqual(service["environment"]["CECOLLM_LINK_CLOUD"],
                                 f"cloud:{port_of(cloud['CECOLLM_LINK_LISTEN'])}")

    def test_certificates_come_from_a_script_of_the_package(self):
        command = self.compose["services"]["certificates"]["command"][0]
        script = re.search(r"/usr/share/cecollm/pki/(\S+)", command)[1]
        self.assertTrue((DEPLOY / "pki" / script).exists())
        self.assertIn(f"pki/{script}", (SOURCE / "cmake/Packaging.cmake").read_text())

    def test_certificates_are_made_where_they_are_missing_and_before_they_run_out(self):
        service = self.compose["services"]["certificates"]
        script = DEPLOY / "pki/make-dev-pki.sh"
        with tempfile.TemporaryDirectory() as folder:
            command = service["command"][0].replace("/usr/share/cecollm/pki/make-dev-pki.sh", "SCRIPT")
            command = command.replace("/pki", folder).replace("SCRIPT", str(script))

            def certificate_after_up():
                run(*service["entrypoint"], command)
                return (Path(folder) / "edge.pem").read_text()

            made = certificate_after_up()
            self.assertEqual(certificate_after_up(), made)
            run(script, "--force", "--days", "2", folder)
            short = (Path(folder) / "edge.pem").read_text()
            self.assertNotEqual(certificate_after_up(), short)

    def test_prometheus_asks_every_node(self):
        metrics = port_of(image_environment()["CECOLLM_METRICS_LISTEN"])
        settings = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
        targets = []
        for job in settings["scrape_configs"]:
            self.assertEqual(job["metrics_path"], METRICS_PATH)
            for group in job["static_configs"]:
                targets += group["targets"]
        self.assertEqual(sorted(targets), sorted(f"{name}:{metrics}" for name in self.nodes()))
        mounts = self.compose["services"]["prometheus"]["volumes"]
        rules = settings["rule_files"][0].rsplit("/", 1)[0]
        source, = [mount.split(":")[0] for mount in mounts if f":{rules}:" in mount]
        self.assertTrue(list((DEPLOY / source).glob("*.yml")))

    def test_grafana_finds_prometheus_and_the_dashboards(self):
        folder = DEPLOY / "grafana/provisioning"
        source, = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
        self.assertEqual(source["url"], "http://prometheus:9090")
        provider, = yaml.safe_load((folder / "dashboards/cecollm.yml").read_text())["providers"]
        mounts = self.compose["services"]["grafana"]["volumes"]
        boards, = [mount.split(":")[0] for mount in mounts
                   if f":{provider['options']['path']}:" in mount]
        self.assertTrue(list((DEPLOY / boards).glob("*.json")))


class Kubernetes(Case):
    folder = DEPLOY / "kubernetes"

    def of_kind(self, kind):
        found = [document for file in sorted(self.folder.rglob("*.yaml"))
                 for document in documents(file) if document.get("kind") == kind]
        self.assertTrue(found, kind)
        return found

    def workloads(self):
        return {each["metadata"]["labels"]["app.kubernetes.io/component"]: each
                for each in self.of_kind("Deployment") + self.of_kind("DaemonSet")}

    def test_kustomizations_name_files_that_are_here(self):
        listed = set()
        for file in self.folder.rglob("kustomization.yaml"):
            kustomization = yaml.safe_load(file.read_text())
            names = kustomization.get("resources", []) + kustomization.get("components", [])
            for generator in kustomization.get("configMapGenerator", []):
                names += generator["files"]
            for name in names:
                self.assertTrue((file.parent / name).exists(), f"{file}: {name}")
                listed.add((file.parent / name).resolve())
        for file in self.folder.rglob("*.yaml"):
            if file.name not in ("kustomization.yaml", "adapter-rules.yaml"):
                self.assertIn(file.resolve(), listed, "a file that nothing applies")

    def test_pods_start_the_program_with_their_configuration(self):
        generated = {each["name"]: each["files"] for each in yaml.safe_load(
            (self.folder / "base/kustomization.yaml").read_text())["configMapGenerator"]}
        for node, workload in self.workloads().items():
            pod = workload["spec"]["template"]["spec"]
            container, = pod["containers"]
            self.check_command(container["args"])
            file = Path(container["args"][container["args"].index("--config") + 1])
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in pod["volumes"]}
            self.assertEqual(set(mounts), set(volumes))
            self.assertEqual(str(file.parent), mounts["config"])
            self.assertIn(file.name, generated[volumes["config"]["configMap"]["name"]])
            for key in ("certificate", "key", "authority"):
                path = toml_value(self.folder / f"base/{node}.toml", "link", key)
                self.assertEqual(str(Path(path).parent), mounts["tls"])
            if node == "edge":
                keys = Path(toml_value(self.folder / "base/edge.toml", "api", "keys"))
                self.assertEqual(str(keys.parent), mounts["keys"])
                secret = volumes["keys"]["secret"]["secretName"]
                self.assertIn(f"secret generic {secret} --from-file={keys.name}\n",
                              (SOURCE / "docs/deployment.md").read_text())

    def test_ports_and_probes_agree_with_the_configuration(self):
        for node, workload in self.workloads().items():
            container, = workload["spec"]["template"]["spec"]["containers"]
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            main_name, table = ("link", "link") if node == "cloud" else ("http", "api")
            file = self.folder / f"base/{node}.toml"
            self.assertEqual(ports, {main_name: port_of(toml_value(file, table, "listen")),
                                     "metrics": port_of(toml_value(file, "metrics", "listen"))})
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                self.assertEqual(container[probe]["httpGet"]["port"], "metrics")
                self.assertIn(container[probe]["httpGet"]["path"], HEALTH_PATHS)
            self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/livez")

    def test_services_reach_pods_and_edges_reach_the_cloud(self):
        services = {each["metadata"]["name"]: each for each in self.of_kind("Service")}
        for node, workload in self.workloads().items():
            service = services[workload["metadata"]["name"]]
            template = workload["spec"]["template"]
            self.assertEqual(service["spec"]["selector"], template["metadata"]["labels"])
            names = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
            for port in service["spec"]["ports"]:
                self.assertIn(port["targetPort"], names)
        host, port = toml_value(self.folder / "base/edge.toml", "link", "cloud").split(":")
        self.assertIn(int(port), [each["port"] for each in services[host]["spec"]["ports"]])

    def test_selectors_meet_their_workloads(self):
        labels = {node: each["spec"]["template"]["metadata"]["labels"]
                  for node, each in self.workloads().items()}
        for node, workload in self.workloads().items():
            self.assertEqual(workload["spec"]["selector"]["matchLabels"], labels[node])
        budget, = self.of_kind("PodDisruptionBudget")
        self.assertEqual(budget["spec"]["selector"]["matchLabels"], labels["cloud"])
        monitor, = self.of_kind("ServiceMonitor")
        for service in self.of_kind("Service"):
            wanted = monitor["spec"]["selector"]["matchLabels"].items()
            self.assertLessEqual(wanted, service["metadata"]["labels"].items())
            for endpoint in monitor["spec"]["endpoints"]:
                self.assertEqual(endpoint["path"], METRICS_PATH)
                self.assertIn(endpoint["port"], [each["name"] for each in service["spec"]["ports"]])

    def test_pods_have_time_to_drain_and_few_rights(self):
        for node, workload in self.workloads().items():
            pod = workload["spec"]["template"]["spec"]
            self.assertGreater(pod["terminationGracePeriodSeconds"],
                               ACTOR_LIMIT_S + (DRAIN_S if node == "edge" else 0))
            self.assertTrue(pod["securityContext"]["runAsNonRoot"])
            user = dockerfile()["USER"][0].split(":")[0]
            self.assertEqual(str(pod["securityContext"]["runAsUser"]), user)
            self.assertTrue(pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"])

    def test_scaling_follows_metrics_that_the_cloud_has(self):
        scaler, = self.of_kind("HorizontalPodAutoscaler")
        cloud = self.workloads()["cloud"]
        self.assertEqual(scaler["spec"]["scaleTargetRef"]["name"], cloud["metadata"]["name"])
        rule, = yaml.safe_load((self.folder / "autoscaling/adapter-rules.yaml").read_text())[
            "rules"]["custom"]
        self.assertEqual(scaler["spec"]["metrics"][0]["pods"]["metric"]["name"], rule["name"]["as"])
        metrics = run(BINARY, "metrics").stdout
        for name in re.findall(r"cecollm_\w+", rule["seriesQuery"] + rule["metricsQuery"]):
            self.assertIn(f'`{re.sub("_(sum|count|bucket)$", "", name)}`', metrics)

    def test_rules_are_for_the_jobs_that_services_make(self):
        """The operator names a job after the service."""
        services = [each["metadata"]["name"] for each in self.of_kind("Service")]
        alerts = (DEPLOY / "prometheus/rules/alerts.yml").read_text()
        for pattern in re.findall(r'job=~"([^"]+)"', alerts):
            for service in services:
                self.assertRegex(service, f"^{pattern}$")


if __name__ == "__main__":
    main()

"""The processes of a soak: certificates, one cloud, the relay in front of it, and edges."""

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Process:
    """One `cecollm` process; its standard error goes to a file of its name."""

    def __init__(self, name, command, folder):
        self.name = name
        self.log = open(Path(folder) / f"{name}.log", "a", encoding="utf-8")
        # A group of its own: an interrupt at the terminal is for the soak, which ends its processes.
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                      start_new_session=True)
        line = self.popen.stdout.readline()
        if "listening on" not in line:
            raise RuntimeError(f"{name} did not start; see {self.log.name}")
        self.address = line.split()[-1]

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def send(self, signal_number):
        if self.alive():
            self.popen.send_signal(signal_number)

    def end(self, signal_number=signal.SIGTERM, patience=60):
        """The exit status; a process that does not end in time is killed, and None."""
        self.send(signal.SIGCONT)
        self.send(signal_number)
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            return None
        finally:
            self.popen.stdout.close()
            self.log.close()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def resident_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def metric(address, name):
    """The sum over all labels, or None where the node does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as response:
            lines = response.read().decode().splitlines()
    except OSError:
        return None
    return sum(float(line.split()[-1]) for line in lines
               if re.split(r"[{ ]", line, maxsplit=1)[0] == name)


class Topology:
    """Edges → relay → cloud, on loopback, with TLS; each part can be made to suffer."""

    def __init__(self, binary, model, edges, folder, ports):
        self.binary = binary
        self.model = model
        self.folder = Path(folder)
        self.ports = ports
        self.lock = threading.Lock()  # what suffers is not sampled meanwhile
        subprocess.run(["sh", ROOT / "deploy/pki/make-dev-pki.sh", self.folder, "127.0.0.1"],
                       check=True, stdout=subprocess.DEVNULL)
        self.cloud = self.relay = None
        self.edges = []
        try:
            self.cloud = self.start_cloud()
            self.relay = self.start_relay()
            for number in range(1, edges + 1):
                self.edges.append(self.start_edge(number))
        except BaseException:
            self.end()
            raise

    def tls(self, role):
        return ["--cert", self.folder / f"{role}.pem", "--key", self.folder / f"{role}.key",
                "--ca", self.folder / "ca.pem"]

    def common(self):
        return ["--model", self.model, "--threads", "1", "--dtype", "fp32", "--heartbeat", "500ms",
                "--silence-limit", "3s", "--log-level", "info"]

    def start(self, name, arguments):
        return Process(name, [str(part) for part in (self.binary, *arguments)], self.folder)

    def start_cloud(self):
        return self.start("cloud", ["cloud", *self.common(), *self.tls("cloud"), "--listen",
                                    f"127.0.0.1:{self.ports[0]}", "--metrics",
                                    f"127.0.0.1:{self.ports[1]}", "--context-ttl", "20s",
                                    "--disconnect-grace", "5s"])

    def start_relay(self):
        return self.start("relay", ["relay", "--listen", f"127.0.0.1:{self.ports[2]}", "--to",
                                    f"127.0.0.1:{self.ports[0]}", "--link", "rtt=10ms"])

    def start_edge(self, number):
        return self.start(f"edge-{number}", [
            "edge", *self.common(), *self.tls("edge"), "--cloud", f"127.0.0.1:{self.ports[2]}",
            "--http", "127.0.0.1:0", "--metrics", f"127.0.0.1:{self.ports[2 + number]}",
            "--mode", "collaborative", "--threshold", "0.9", "--token-deadline", "500ms",
            "--minimum-dwell", "500ms", "--probe-interval", "200ms", "--probe-interval-max", "1s",
            "--probe-samples", "1", "--conversation-ttl", "10s"])

    def cloud_metric(self, name):
        return metric(f"127.0.0.1:{self.ports[1]}", name)

    def edge_metric(self, number, name):
        return metric(f"127.0.0.1:{self.ports[2 + number]}", name)

    def processes(self):
        return [process for process in (*self.edges, self.relay, self.cloud) if process]

    def await_links(self, patience=60):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if all(self.edge_metric(number, "cecollm_link_connected") == 1
                   for number in range(1, len(self.edges) + 1)):
                return True
            time.sleep(0.2)
        return False

    def end(self):
        """Exit statuses by name, edges first."""
        with self.lock:
            return {process.name: process.end() for process in self.processes()}

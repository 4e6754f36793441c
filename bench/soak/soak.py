#!/usr/bin/env python3
"""Edges and a cloud under load for long, while links and processes suffer: nothing may leak and no
request may be lost. Ends with 0 where that held, and with 1 where it did not."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import report
from faults import KINDS, Faults
from load import Client
from nodes import ROOT, Topology

REST = 30  # seconds without requests: the cloud's contexts run out after 20, conversations after 10


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/soak.sh", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3600, help="of load [3600]")
    parser.add_argument("--edges", type=int, default=2, help="[2]")
    parser.add_argument("--clients", type=int, default=2, help="of each edge [2]")
    parser.add_argument("--think-time", type=float, default=1.0,
                        help="mean seconds between a client's requests [1]")
    parser.add_argument("--fault-interval", type=float, default=20.0,
                        help="mean seconds between faults [20]")
    parser.add_argument("--faults", nargs="+", choices=KINDS, default=KINDS, help="which [all]")
    parser.add_argument("--seed", type=int, default=1, help="of load and faults [1]")
    parser.add_argument("--port", type=int, default=17070, help="first of those that are used [17070]")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/soak",
                        help="folder of soak.md and soak.json [bench/results/soak]")
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/cecollm")
    parser.add_argument("--model", type=Path, default=ROOT / "models/default")
    return parser.parse_args()


class Soak:
    def __init__(self, options, folder):
        self.options = options
        ports = range(options.port, options.port + 3 + options.edges)
        self.failures = []
        self.topology = Topology(options.binary, options.model, options.edges, folder, ports)
        self.begin = time.monotonic()
        self.samples = {process.name: report.Samples(process.name)
                        for process in self.topology.processes()}
        self.clients = []
        self.faults = None

    def sample(self):
        with self.topology.lock:
            for process in self.topology.processes():
                if process.alive():
                    self.samples[process.name].add(process, time.monotonic() - self.begin)
                else:
                    self.failures.append(f"{process.name} died; see its log")

    def run_load(self):
        options = self.options
        end = time.monotonic() + options.seconds
        self.faults = Faults(self.topology, options.faults, options.seed, options.fault_interval,
                             time.monotonic() + options.seconds / 3)
        self.clients = [Client(edge, options.seed * 1000 + i * 100 + j, options.think_time)
                        for i, edge in enumerate(self.topology.edges)
                        for j in range(options.clients)]
        for thread in (*self.clients, self.faults):
            thread.start()
        next_word = time.monotonic() + 60
        while time.monotonic() < end and not self.failures:
            time.sleep(min(5, max(0, end - time.monotonic())))
            self.sample()
            if time.monotonic() >= next_word:
                next_word += 60
                self.say()
        for client in self.clients:
            client.stopping.set()
        self.faults.stop()
        if self.faults.problem:
            self.failures.append(self.faults.problem)
        for client in self.clients:
            client.join(120)
            if client.is_alive():
                self.failures.append("a client still waits for its response")

    def say(self):
        answered = sum(client.answered for client in self.clients)
        lost = sum(len(client.lost) for client in self.clients)
        print(f"soak: {time.monotonic() - self.begin:.0f} s, {answered} answered, {lost} lost, "
              f"{sum(self.faults.counts.values())} faults", file=sys.stderr, flush=True)

    def rest(self):
        """Descriptors of each process once nobody asks and the links are up."""
        if not self.topology.await_links():
            self.failures.append("the edges did not find back to their cloud")
        time.sleep(REST)
        return {process.name: (process.pid, process.descriptors())
                for process in self.topology.processes() if process.alive()}

    def result(self, before, after, held, statuses):
        clients, load = self.clients, {}
        for key in ("answered", "cancelled", "refused", "tokens"):
            load[key] = sum(getattr(client, key) for client in clients)
        load["lost"] = [what for client in clients for what in client.lost]
        load["sources"] = {}
        for client in clients:
            for source, count in client.sources.items():
                load["sources"][source] = load["sources"].get(source, 0) + count
        seconds = [second for client in clients for second in client.seconds]
        load["seconds_median"] = round(report.percentile(seconds, 0.5), 3)
        load["seconds_p99"] = round(report.percentile(seconds, 0.99), 3)
        load["seconds_most"] = round(max(seconds, default=0), 3)
        processes = {}
        for name, samples in self.samples.items():
            processes[name] = samples.figures()
            same = name in before and name in after and before[name][0] == after[name][0]
            processes[name]["descriptors_at_rest"] = (
                {"begin": before[name][1], "end": after[name][1]} if same else None)
        options = self.options
        result = {
            "command": f"scripts/soak.sh --seconds {options.seconds} --edges {options.edges} "
                       f"--clients {options.clients} --think-time {options.think_time:g} "
                       f"--fault-interval {options.fault_interval:g}"
                       + ("" if options.faults == KINDS else f" --faults {' '.join(options.faults)}"),
            "seconds": options.seconds, "seed": options.seed, "machine": report.machine(),
            "load": load, "faults": self.faults.counts, "processes": processes,
            "held_at_rest": held, "exit_statuses": statuses, "failures": self.failures}
        result["problems"] = report.problems_of(result)
        return result

    def held(self):
        values = {name: self.topology.cloud_metric(name)
                  for name in ("cecollm_cloud_contexts", "cecollm_cloud_row_bytes")}
        for number in range(1, len(self.topology.edges) + 1):
            for name in ("cecollm_active_generations", "cecollm_conversations",
                         "cecollm_retained_row_bytes"):
                values[f"{name} of edge-{number}"] = self.topology.edge_metric(number, name)
        return values


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="cecollm-soak-"))
    soak = None
    passed = False
    try:
        soak = Soak(options, folder)
        before = soak.rest()
        soak.run_load()
        after, held = soak.rest(), soak.held()
        topology, soak.topology = soak.topology, None
        result = soak.result(before, after, held, topology.end())
        report.write(result, options.out)
        print((options.out / "soak.md").read_text(encoding="utf-8"))
        passed = not result["problems"]
    finally:
        if soak and soak.topology:  # something went wrong on the way
            if soak.faults:
                soak.faults.stopping.set()
            soak.topology.end()
        if passed:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"soak: the logs of all processes are in {folder}", file=sys.stderr)
    return 0 if passed else 1


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())

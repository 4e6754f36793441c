"""What a soak measured, what it says of leaks, and both as Markdown and JSON."""

import json
import statistics
import time

# Allocators keep what they may need again; what leaks goes on growing.
RESIDENT_SHARE = 1.10
RESIDENT_BYTES = 24 << 20
DESCRIPTORS = 2


class Samples:
    """Of one process: (seconds since the soak began, descriptors, threads, resident bytes)."""

    def __init__(self, name):
        self.name = name
        self.pid = None
        self.rows = []
        self.restarts = 0

    def add(self, process, seconds):
        if self.pid not in (None, process.pid):
            self.rows = []  # another process: what the last one held says nothing of this
            self.restarts += 1
        self.pid = process.pid
        self.rows.append((seconds, process.descriptors(), process.threads(),
                          process.resident_bytes()))

    def resident(self, first, last):
        """Median over this share of the process's time, the first tenth of it left out: that is
        when caches and pools fill."""
        begin, end = self.rows[0][0], self.rows[-1][0]
        chosen = [row[3] for row in self.rows
                  if begin + first * (end - begin) <= row[0] <= begin + last * (end - begin)]
        return statistics.median(chosen or [self.rows[-1][3]])

    def figures(self):
        return {
            "seconds": round(self.rows[-1][0] - self.rows[0][0]),
            "restarts": self.restarts,
            "descriptors_most": max(row[1] for row in self.rows),
            "threads_most": max(row[2] for row in self.rows),
            "resident_early": int(self.resident(0.1, 0.4)),
            "resident_late": int(self.resident(0.7, 1.0)),
            "resident_most": max(row[3] for row in self.rows),
        }


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def problems_of(result):
    """Sentences; none where the soak passed."""
    problems = list(result["failures"])
    if result["load"]["answered"] == 0:
        problems.append("no request was answered")
    if result["load"]["tokens"] and not result["load"]["sources"].get("cloud"):
        problems.append("no token came from the cloud: this was no soak of both")
    problems += [f"lost request: {what}" for what in result["load"]["lost"]]
    for name, figures in result["processes"].items():
        rest = figures["descriptors_at_rest"]
        if rest and rest["end"] > rest["begin"] + DESCRIPTORS:
            problems.append(f"{name} holds {rest['end']} descriptors at rest, {rest['begin']} at first")
        early, late = figures["resident_early"], figures["resident_late"]
        if late > max(early * RESIDENT_SHARE, early + RESIDENT_BYTES):
            problems.append(f"{name} grew from {early >> 20} to {late >> 20} MiB")
    for name, value in result["held_at_rest"].items():
        if value is None or value > 0:
            problems.append(f"{name} is {value} at rest, not 0")
    for name, status in result["exit_statuses"].items():
        # The relay serves until a signal ends it.
        if status != 0:
            problems.append(f"{name} ended with {status}, not 0")
    return problems


def markdown(result):
    load, faults = result["load"], result["faults"]
    lines = [
        "# Soak: edges and cloud under load with faults",
        "",
        f"`{result['command']}`, {result['seconds']} s, seed {result['seed']}, on {result['machine']}.",
        "",
        f"**{'Passed' if not result['problems'] else 'FAILED'}.** {load['answered']} requests were "
        f"answered, {load['cancelled']} left by their client, {load['refused']} told to come again, "
        f"{len(load['lost'])} lost; {load['tokens']} tokens. Seconds a request: median "
        f"{load['seconds_median']:.2f}, 99th percentile {load['seconds_p99']:.2f}, longest "
        f"{load['seconds_most']:.2f}.",
        "",
        *[f"- {problem}" for problem in result["problems"]],
        *([""] if result["problems"] else []),
        "| fault | times |",
        "|---|---|",
        *[f"| {name.replace('_', ' ')} | {count} |" for name, count in sorted(faults.items())],
        "",
        "| tokens by source | |",
        "|---|---|",
        *[f"| {name} | {count} |" for name, count in sorted(load["sources"].items())],
        "",
        "Descriptors at rest: without requests, before the load and after it. Resident memory: medians "
        "over an early (10 to 40 %) and a late (70 to 100 %) part of the process's time.",
        "",
        "| process | observed | restarts | descriptors at rest | most | threads, most "
        "| resident early | late | most |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in result["processes"].items():
        rest = figures["descriptors_at_rest"]
        resting = f"{rest['begin']} → {rest['end']}" if rest else "–"
        mebibytes = [f"{figures[key] / 2**20:.1f} MiB"
                     for key in ("resident_early", "resident_late", "resident_most")]
        lines.append(f"| {name} | {figures['seconds']} s | {figures['restarts']} | {resting} "
                     f"| {figures['descriptors_most']} | {figures['threads_most']} "
                     f"| {' | '.join(mebibytes)} |")
    lines += ["", "Held at rest, at the end: " + ", ".join(
        f"`{name}` {value}" for name, value in result["held_at_rest"].items()) + ".", ""]
    return "\n".join(lines)


def write(result, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soak.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "soak.md").write_text(markdown(result), encoding="utf-8")


def machine():
    model = "an unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {time.strftime('%Y-%m-%d')}"

"""The program under test and what it says of itself."""

import functools
import os
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

SOURCE = Path(os.environ["CECOLLM_SOURCE_DIR"])
BINARY = os.environ["CECOLLM_BINARY"]
MODEL = SOURCE / "models/default"
INSTALLED_MODEL = "/usr/share/cecollm/models/default"


def run(*command, environment=None, check=True, timeout=300):
    """Runs a command with nothing but `environment` and PATH around it."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=timeout,
        env={"PATH": os.environ["PATH"], **(environment or {})})
    if check and done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def setting_keys():
    """Key → (flag, variable, node: edge, cloud or both)."""
    keys = {}
    for line in run(BINARY, "config", "keys").stdout.splitlines():
        found = re.match(r"\| `([a-z._]+)` \| `(--[a-z-]+)` \| `([A-Z_]+)` \|.*", line)
        if found:
            keys[found[1]] = (found[2], found[3], line.split(" | ")[5])
    assert keys, "cecollm config keys printed no table"
    return keys


@functools.cache
def flags_of(subcommand):
    return set(re.findall(r"--[a-z][a-z-]*", run(BINARY, subcommand, "--help").stdout))


class Node:
    """A node that runs; `wrapper` is put before its command. Ends with SIGTERM."""

    def __init__(self, arguments, wrapper=(), environment=None, binary=BINARY):
        self.process = subprocess.Popen(
            [*map(str, wrapper), str(binary), *map(str, arguments)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env={"PATH": os.environ["PATH"], **(environment or {})})
        # Every server says where it listens once it serves.
        self.line = self.process.stdout.readline()
        if "listening on" not in self.line:
            self.process.kill()
            raise AssertionError(f"{arguments} did not start: {self.process.communicate()[1]}")

    def address(self):
        return self.line.split()[-1]

    def stop(self, limit):
        """The exit status; an error where it takes longer than `limit` seconds."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"{self.process.args} did not end within {limit} s")
        return self.process.returncode


def eventually(condition, patience=60):
    """Waits for what another process does in its own time."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def main():
    unittest.main(argv=sys.argv, verbosity=2)

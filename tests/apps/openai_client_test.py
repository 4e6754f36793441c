#!/usr/bin/env python3
"""OpenAI's Node package against `cecollm edge --http`: whole, streamed, aborted, with and without tools.
Needs node (18 or newer), npm and the package registry, from which it puts the package into a cache of its
own; skipped (77) with the reason where one of them is missing.
Started by ctest with CECOLLM_BINARY, CECOLLM_SOURCE_DIR and CECOLLM_NODE_CACHE in the environment."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys

PACKAGE = "openai@6.49.0"
SKIPPED = 77
HERE = pathlib.Path(__file__).resolve().parent


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def package_folder():
    """Where node finds the package."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            skip(f"{program} is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").split(".")[0]) < 18:
        skip(f"node is {version.strip()}, and the package needs 18 or newer")
    cache = pathlib.Path(os.environ["CECOLLM_NODE_CACHE"])
    marker = cache / PACKAGE.replace("@", "-")
    if not marker.exists():
        cache.mkdir(parents=True, exist_ok=True)
        install = subprocess.run(
            ["npm", "install", "--prefix", str(cache), "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", PACKAGE],
            capture_output=True, text=True, timeout=240)
        if install.returncode != 0:
            skip(f"npm could not get {PACKAGE}: {install.stderr.strip().splitlines()[:1]}")
        marker.touch()
    return cache


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    cache = package_folder()
    metrics = f"127.0.0.1:{free_port()}"
    edge = subprocess.Popen(
        [os.environ["CECOLLM_BINARY"], "edge", "--mode", "standalone", "--http", "127.0.0.1:0", "--metrics", metrics,
         "--model", str(pathlib.Path(os.environ["CECOLLM_SOURCE_DIR"]) / "models/default"), "--dtype", "fp32",
         "--threads", "1", "--log-level", "error"], stdout=subprocess.PIPE, text=True)
    try:
        line = edge.stdout.readline()
        assert line, "the edge did not start"
        environment = os.environ | {"CECOLLM_API": "http://" + line.split()[-1], "CECOLLM_METRICS": "http://" + metrics,
                                    "CECOLLM_NODE_MODULES": str(cache)}
        subprocess.run(["node", str(HERE / "openai_client.mjs")], env=environment, check=True, timeout=240)
    finally:
        edge.terminate()
        edge.wait(timeout=60)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the Grafana dashboards: deploy/grafana/dashboards/*.json.

    monitoring/dashboards/make_dashboards.py            writes them
    monitoring/dashboards/make_dashboards.py FOLDER     writes them there
"""

import json
import sys
from pathlib import Path

import cloud
import edge
import fleet

BOARDS = (fleet, edge, cloud)
HOME = Path(__file__).resolve().parents[2] / "deploy/grafana/dashboards"


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        others = {other.UID: other.TITLE for other in BOARDS if other is not board}
        text = json.dumps(board.make(others), indent=1, ensure_ascii=False)
        (folder / f"{board.UID}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HOME)

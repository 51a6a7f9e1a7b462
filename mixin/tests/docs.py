"""docs/runbooks.md has a section for each alert and no other, each with the same parts."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("**Confirm.**", "**Do.**", "**False alarm if**")
PROGRAMS = ("kamcmd", "kamailio_exporter")


def main():
    alerts = subprocess.check_output(["jsonnet", "-e", "(import 'mixin.libsonnet').prometheusAlerts"], cwd=ROOT / "mixin")
    names = [rule["alert"] for group in json.loads(alerts)["groups"] for rule in group["rules"]]
    text = (ROOT / "docs/runbooks.md").read_text()
    found = [f"{name} has no section" for name in names if f"\n### {name}\n" not in text]
    for section in re.split(r"\n### ", text)[1:]:
        name, body = section.split("\n", 1)
        if name not in names:
            found.append(f"{name} is not an alert")
        found += [f"{name} has no {part}" for part in PARTS if part not in body]
        for block in re.findall(r"```sh\n(.*?)```", body, re.S):
            found += [f"{name}: {line}" for line in block.splitlines() if not line.startswith(PROGRAMS)]
    if found:
        sys.exit("\n".join(found))
    print(f"docs: {len(names)} alerts have a runbook")


if __name__ == "__main__":
    main()

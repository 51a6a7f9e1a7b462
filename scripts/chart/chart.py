#!/usr/bin/env python3
"""Renders, lints and validates the Helm chart.

usage: chart.py build | check | json

"json" prints the objects that the chart renders from the values in its ci/, as a JSON list.
"""

import json
import pathlib
import re
import shutil
import sys
import tempfile

import helm_python
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/kamailio-exporter"
MANIFESTS = ROOT / "deploy/kubernetes"
HEAD = "# Rendered by scripts/chart.sh build from deploy/helm/kamailio-exporter with ci/{}-values.yaml.\n"
# The oldest that the chart supports, and the newest whose schemas the validator has.
KUBERNETES = ("1.25", "1.37")


def main(action):
    with tempfile.TemporaryDirectory() as directory:
        # Without the links to the mixin, each of which Helm logs.
        run(action, shutil.copytree(CHART, pathlib.Path(directory, CHART.name)))


def run(action, chart):
    rendered = {path.name.removesuffix("-values.yaml"): render(chart, path) for path in sorted(chart.glob("ci/*-values.yaml"))}
    if action == "build":
        for name, text in rendered.items():
            (MANIFESTS / f"{name}.yaml").write_text(text)
    elif action == "json":
        print(json.dumps([object for text in rendered.values() for object in objects(text)]))
    else:
        check(chart, rendered)


def render(chart, values):
    """The manifests as text, in the order of the templates."""
    with helm_python.Chart.load(chart) as loaded:
        files = loaded.render(yaml.safe_load(values.read_text()), name="kamailio-exporter", namespace="monitoring")
    name = values.name.removesuffix("-values.yaml")
    texts = [text.strip("\n-") for file, text in sorted(files.items()) if file.endswith(".yaml") and text.strip()]
    return HEAD.format(name) + "---\n" + "\n---\n".join(texts) + "\n"


def objects(text):
    return [document for document in yaml.safe_load_all(text) if document]


def check(chart, rendered):
    version = (ROOT / "VERSION").read_text().strip()
    metadata = yaml.safe_load((chart / "Chart.yaml").read_text())
    for key in ("version", "appVersion"):
        require(metadata[key] == version, f"{key} of Chart.yaml is {metadata[key]}, and VERSION has {version}")
    for name, text in rendered.items():
        file = MANIFESTS / f"{name}.yaml"
        require(file.exists() and file.read_text() == text, f"{file.name} is not fresh: run scripts/chart.sh build")
        lint(chart, name)
        for object in objects(text):
            validate(name, object)
    refuses(chart, {"mode": "other"}, "mode has to be")
    refuses(chart, {"mode": "sidecar"}, "needs sidecar.container")
    print(f"chart: {', '.join(rendered)} are fresh and valid for Kubernetes {' and '.join(KUBERNETES)}")


def lint(chart, name):
    values = yaml.safe_load((chart / f"ci/{name}-values.yaml").read_text())
    report = helm_python.lint(chart, values, strict=True, quiet=True)
    # 1 is informational, such as a missing icon.
    found = [message for message in report["messages"] if message["severity"] > 1] + report["errors"]
    require(not found, f"helm lint: {found}")


def validate(name, object):
    where = f"{name}: {object['kind']} {object['metadata']['name']}"
    if not object["apiVersion"].startswith("monitoring.coreos.com/"):
        for kubernetes in KUBERNETES:
            try:
                kubernetes_validate.validate(object, kubernetes, strict=True)
            except kubernetes_validate.ValidationError as error:
                sys.exit(f"chart: {where}: {error}")
    require(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", object["metadata"]["name"]), f"{where}: name")
    if object["kind"] == "Deployment":
        restricted(where, object["spec"]["template"]["spec"])


def restricted(where, pod):
    """What the pod security standard "restricted" requires."""
    security = pod["securityContext"]
    require(security["runAsNonRoot"] and security["runAsUser"] != 0, f"{where} may run as root")
    require(security["seccompProfile"]["type"] == "RuntimeDefault", f"{where} has no seccomp profile")
    require(not pod.get("hostNetwork") and not pod.get("hostPID") and not pod.get("hostIPC"), f"{where} shares the host's")
    for volume in pod.get("volumes", []):
        require("hostPath" not in volume, f"{where} mounts a directory of the host")
    for container in pod["containers"]:
        security = container["securityContext"]
        require(security["allowPrivilegeEscalation"] is False, f"{where}: {container['name']} may gain privileges")
        require(security["capabilities"]["drop"] == ["ALL"], f"{where}: {container['name']} has capabilities")
        require(security["readOnlyRootFilesystem"], f"{where}: {container['name']} may write its root")


def refuses(chart, values, message):
    try:
        with helm_python.Chart.load(chart) as loaded:
            loaded.render(values, name="kamailio-exporter", namespace="monitoring")
    except helm_python.HelmError as error:
        require(message in str(error), f"{values}: {error}")
    else:
        sys.exit(f"chart: accepts {values}")


def require(condition, message):
    if not condition:
        sys.exit(f"chart: {message}")


main(*sys.argv[1:])

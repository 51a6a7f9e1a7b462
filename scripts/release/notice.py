#!/usr/bin/env python3
"""Prints NOTICE: the libraries in the program for a target, from Cargo.lock, with their licences.

usage: notice.py TARGET
"""

import json
import pathlib
import subprocess
import sys

NAMES = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")
HEAD = """kamailio_exporter
Copyright (c) 2026 The kamailio_exporter authors
MIT OR Apache-2.0: see LICENSE-MIT and LICENSE-APACHE.

The program contains the Rust standard library (MIT OR Apache-2.0, https://www.rust-lang.org) and these libraries:
"""


def main(target):
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    libraries = sorted(linked(metadata, packages), key=lambda package: (package["name"], package["version"]))
    print(HEAD)
    texts = {}
    for package in libraries:
        licence = package["license"]
        if not licence:
            sys.exit(f"notice: {package['name']} names no licence")
        print(f"{package['name']} {package['version']}: {licence}, {package['repository'] or 'https://crates.io'}")
        for file in files(package):
            text = file.read_text(encoding="utf-8", errors="replace").strip()
            # Copies differ in their white space.
            _, owners = texts.setdefault(" ".join(text.split()), (text, []))
            owners.append(f"{package['name']} {package['version']} ({file.name})")
    for text, owners in texts.values():
        print(f"\n{'-' * 80}\n{', '.join(owners)}:\n\n{text}")


def linked(metadata, packages):
    """The packages from registries whose code is in the program: no build or test dependencies, no macros."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    pending = [node for node in nodes if packages[node]["name"] == "kamailio_exporter"]
    found = set()
    while pending:
        node = pending.pop()
        if node in found or any("proc-macro" in target["kind"] for target in packages[node]["targets"]):
            continue
        found.add(node)
        for dependency in nodes[node]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                pending.append(dependency["pkg"])
    return [packages[node] for node in found if packages[node]["source"]]


def files(package):
    directory = pathlib.Path(package["manifest_path"]).parent
    return sorted(file for file in directory.iterdir() if file.is_file() and file.name.upper().startswith(NAMES))


main(*sys.argv[1:])

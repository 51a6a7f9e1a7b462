#!/usr/bin/env python3
"""Measures what the dashboards' queries cost in Prometheus, with 200 instances of 500 dispatcher destinations.

usage: queries.py [INSTANCES [DESTINATIONS]]

The series are those of the families that the dashboard of the dispatcher reads. One instance was scraped every 15 s for an
hour, the others every four minutes: a query of one instance finds its series among those of all, and reads only its own.
Prints the queries that take longest, over an hour with a step of 12 s as Grafana asks; the goal is a second.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

DASHBOARD = pathlib.Path(__file__).parent.parent / "mixin" / "dashboards" / "kamailio-dispatcher.json"
FAMILIES = [
    *((f"kamailio_dispatcher_destination_{name}", "gauge") for name in (
        "up", "active", "disabled", "priority", "weight", "dialog_load", "max_load",
        "latency_estimate_seconds", "latency_max_seconds")),
    ("kamailio_dispatcher_destination_timeouts", "counter"),
]
HOUR = 3600
STEP = 12
GOAL = 1.0


def main():
    given = sys.argv[1:3]
    instances, destinations = map(int, given + ["200", "500"][len(given) :])
    end = int(time.time()) // HOUR * HOUR
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        write(directory / "series", instances, destinations, end)
        blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
        subprocess.run([*blocks, directory / "series", directory / "data"], check=True)
        (directory / "series").unlink()
        (directory / "prometheus.yml").write_text("")
        address = "127.0.0.1:19990"
        options = [
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            "--storage.tsdb.retention.time=10y",
            f"--web.listen-address={address}",
            "--log.level=error",
        ]
        prometheus = subprocess.Popen(["prometheus", *options])
        try:
            measure(address, instances, destinations, end)
        finally:
            prometheus.kill()
            prometheus.wait()


def write(path, instances, destinations, end):
    """Writes the samples of the hour before `end` in the format OpenMetrics."""
    dense, sparse = range(end - HOUR, end, 15), range(end - HOUR, end, 240)
    with path.open("w") as file:
        for family, kind in FAMILIES:
            file.write(f"# TYPE {family} {kind}\n")
            name = f"{family}_total" if kind == "counter" else family
            for instance in range(instances):
                for number in range(destinations):
                    labels = (
                        f'instance="sip-{instance}:9494",job="kamailio",setid="{number // 50 + 1}",'
                        f'uri="sip:10.{instance}.{number // 250}.{number % 250}:5060",duid=""'
                    )
                    times = sparse if instance else dense
                    file.writelines(f"{name}{{{labels}}} {(at // 240 + number) % 3} {at}\n" for at in times)
        file.write("# EOF\n")


def measure(address, instances, destinations, end):
    ask(address, "up", end, seconds=60)
    panels = json.loads(DASHBOARD.read_text())["panels"]
    variables = {"instance": "sip-0:9494", "__rate_interval": "1m"}
    rows = []
    for panel in panels:
        for target in panel.get("targets", []):
            query = re.sub(r"\$(\w+)", lambda match: variables.get(match[1], ".*"), target["expr"])
            start = time.monotonic()
            found = ask(address, query, end)
            rows.append((time.monotonic() - start, len(found), panel["title"], query))
    rows.sort(reverse=True)
    print(f"{instances} instances with {destinations} destinations, an hour of one of them in {HOUR // STEP} steps:")
    for seconds, series, title, query in rows[:5]:
        print(f"{seconds:6.2f} s  {series:4} series  {title}: {query}")
    assert rows[0][1] > 0, "the heaviest query found nothing"
    print(f"the heaviest takes {rows[0][0]:.2f} s; the goal is below {GOAL:.0f} s")


def ask(address, query, end, seconds=0):
    """Returns the series of a range query. Tries again for so many seconds, while Prometheus starts."""
    parameters = {"query": query, "start": end - HOUR, "end": end, "step": STEP}
    url = f"http://{address}/api/v1/query_range?{urllib.parse.urlencode(parameters)}"
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=120) as response:
                return json.load(response)["data"]["result"]
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


main()

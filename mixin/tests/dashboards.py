"""The dashboards' form: what Grafana would show badly or not at all without an error."""

import json
import re
import sys
from pathlib import Path

DASHBOARDS = Path(__file__).resolve().parents[1] / "dashboards"
WIDTH = 24
VARIABLES = ["datasource", "cluster", "job", "instance"]


def problems(board, uids):
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    if list(variables)[: len(VARIABLES)] != VARIABLES:
        yield f"its variables are {list(variables)}"
    panels = board["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        yield "two panels have one id"
    if len({(panel["type"] == "row", panel["title"]) for panel in panels}) != len(panels):
        yield "two panels have one title"
    for uid in re.findall(r'"/d/([\w-]+)', json.dumps(board)):
        if uid not in uids:
            yield f"a link leads to the dashboard {uid}, which does not exist"
    taken = {}
    for panel in panels:
        for cell in cells(panel):
            other = taken.setdefault(cell, panel["title"])
            if other != panel["title"]:
                yield f"{panel['title']} covers {other}"
                break
        for problem in panel_problems(panel, variables):
            yield f"{panel['title']}: {problem}"


def cells(panel):
    at = panel["gridPos"]
    assert at["x"] + at["w"] <= WIDTH, panel["title"]
    return [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]


def panel_problems(panel, variables):
    if panel["type"] == "row":
        return
    if not panel["description"].endswith("."):
        yield "it has no description"
    if not panel["fieldConfig"]["defaults"].get("noValue"):
        yield "it does not say why it can be empty"
    if panel["type"] != "table" and not panel["fieldConfig"]["defaults"].get("unit"):
        yield "it has no unit"
    for holder in (panel, *panel["targets"]):
        if holder["datasource"]["uid"] != "${datasource}":
            yield f"its data source is {holder['datasource']}"
    for target in panel["targets"]:
        expr = target["expr"]
        if re.search(r'(job|cluster|instance)(=|!=|=~|!~)"(?!\$)', expr):
            yield f"a target label is fixed in {expr}"
        if expr.count("$instance") == 0:
            yield f"the selection does not apply to {expr}"
        # $1 is a group of label_replace.
        for variable in re.findall(r"\$([a-z_]\w*)", expr):
            if variable not in variables and not variable.startswith("__"):
                yield f"there is no variable {variable} for {expr}"
        if panel["type"] == "timeseries" and len(panel["targets"]) > 1 and not target.get("legendFormat"):
            yield f"no legend for {expr}"


def main():
    boards = [json.loads(file.read_text()) for file in sorted(DASHBOARDS.glob("*.json"))]
    uids = {board["uid"] for board in boards}
    found = [f"{board['uid']}: {problem}" for board in boards for problem in problems(board, uids)]
    if found:
        sys.exit("\n".join(found))
    print(f"dashboards: {len(boards)} with {sum(len(board['panels']) for board in boards)} panels and rows are in form")


if __name__ == "__main__":
    main()

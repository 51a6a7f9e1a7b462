"""Writes the dashboards: build.py DIRECTORY."""

import json
import sys
from pathlib import Path

import dispatcher
import exporter
import fleet
import instance
from grafana_foundation_sdk.cog.encoder import JSONEncoder


def main(directory):
    for part in (fleet, instance, dispatcher, exporter):
        board = part.board().build()
        number(board)
        text = json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True)
        (Path(directory) / f"{board.uid}.json").write_text(text + "\n")


def number(board):
    """Gives each panel an id of its own, which links to single panels need."""
    for index, panel in enumerate(board.panels, start=1):
        panel.id_val = index


if __name__ == "__main__":
    main(sys.argv[1])

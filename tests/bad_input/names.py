"""The public lists of hostile texts, and the rows of the table that tell what comes of them."""

import json

TITLE = "Names and texts"
AT_ONCE = 100
"""Calls in one reply."""
ROWS = [
    ("every document of the JSON test suite as a tool's arguments", "`error: …` in one line, or `ok`; the run goes on"),
    (
        "every path of PayloadsAllTheThings' list, and every naughty string, as a file's name",
        "`error: …`, or written inside the run's folder under that name",
    ),
    ("each of them as a file's content", "written to the byte"),
    ("as title, text, requirement, summary", "kept to the byte; one commit each"),
    ("as prompt", "the run's folder is named in plain letters, inside the output folder"),
    (
        "as `--name`",
        "`l2mac: --name '…' can't be a folder's name; take one such as snake-game`, exit 2; or a folder inside",
    ),
]


def hostile(shared_data):
    """Every path of the traversal list and every naughty string, as a model or a person can send them."""
    paths = (shared_data / "path-traversal" / "traversal_paths.txt").read_text("utf-8", "replace").split("\n")
    return [*paths, *json.loads((shared_data / "blns" / "blns.json").read_text())]

"""Puts what a bench has measured between two marks of a page of the documentation."""

import pathlib
import sys

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"


def put(page: str, begin: str, end: str, text: str) -> None:
    path = DOCS / page
    old = path.read_text()
    if begin not in old or end not in old.split(begin)[1]:
        sys.exit(f"bench: docs/{page} has no place for the table: {begin.strip()}")
    before, rest = old.split(begin)
    path.write_text(before + begin + text + end + rest.split(end, 1)[1])

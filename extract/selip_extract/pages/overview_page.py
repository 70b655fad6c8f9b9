"""The page of `selip-overview`."""

from dataclasses import asdict
from typing import Any

import duckdb

from selip_extract.evaluation.run_overview import overview
from selip_extract.pages.offline_page import Sources, offline_page

PAGE = Sources(
    "overview/overview.html",
    ("common.css", "overview/overview.css", "overview/overview_page.css"),
    ("elements.js", "overview/overview.js", "overview/overview_page.js"),
)


def overview_page(connection: duckdb.DuckDBPyConnection, name: str, run_id: int) -> str:
    """The figures as pictures on a page of their own; `name` is what it calls the database."""
    found = overview(connection, run_id)
    return offline_page(PAGE, {"database": name, **described(connection, run_id), "overview": asdict(found)})


def described(connection: duckdb.DuckDBPyConnection, run_id: int) -> dict[str, Any]:
    """Which run it is and how many reports it has read, for the head of a page."""
    ((extractor, total),) = connection.execute(
        "SELECT extractor, (SELECT count(*) FROM extractions WHERE run_id = $run) FROM runs WHERE run_id = $run",
        {"run": run_id},
    ).fetchall()
    return {"run": {"id": run_id, "extractor": extractor}, "total": total}

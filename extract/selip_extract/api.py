"""Extraction without files, and the findings of a database as a relation, for programs in Python."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import duckdb

from selip_contracts.database_file import read_store
from selip_contracts.findings import Study
from selip_extract.extractors.read_batch import read_batch
from selip_extract.extractors.registry import AUTO, ModelChoice, automatic, extractor_maker
from selip_extract.reports.report import Report
from selip_shared.privacy import stay_offline


def extract(texts: Iterable[str], extractor: str = AUTO, model: str | None = None) -> list[Study | None]:
    """The study of each text, in the order of the texts; None where a text could not be read, e.g. an empty one.

    `extractor` and `model` are the options of `selip-extract` with these names. Nothing is stored, and nothing is
    downloaded. Raises SelipError where the extractor cannot be made, TypeError for a single text without a list.
    """
    if isinstance(texts, str):
        raise TypeError("texts is one text: give a list of texts")
    stay_offline()
    choice = ModelChoice(model)
    name = automatic(choice)[0] if extractor == AUTO else extractor
    reports = [Report(str(number), text, number) for number, text in enumerate(texts, start=1)]
    with closing(extractor_maker(name, choice)()) as made:
        starts = range(0, len(reports), made.batch_size)
        batches = (reports[start : start + made.batch_size] for start in starts)
        return [extraction.study for batch in batches for extraction in read_batch(made, batch)]


def open_findings(db: Path | str) -> duckdb.DuckDBPyRelation:
    """The findings of the newest complete run, one in each row, with the columns of the view `findings`.

    The relation reads the file when it is evaluated: `.fetchall()`, `.fetchnumpy()`, `.arrow()`, `.pl()` and `.df()`
    where these packages are installed, `.filter(…)`, `.aggregate(…)`. While it is in use no other program can write to
    the file. Raises SelipError where there is no such database.
    """
    return read_store(Path(db)).table("findings")

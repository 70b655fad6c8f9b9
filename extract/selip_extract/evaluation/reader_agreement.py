"""How far two readers agree, beyond chance: Cohen's kappa on reports and on the findings of each sequence.

Cohen 1960, A coefficient of agreement for nominal scales: kappa = (observed - expected) / (1 - expected).
"""

from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from selip_contracts.vocabulary import MODALITIES
from selip_extract.evaluation.score import DECIMALS, interval, resamples
from selip_shared.bootstrap import Estimate

ABNORMAL = "abnormal"
"""The question whether a report has any finding or general change at all."""
GENERAL = "general"

_CELLS = """
WITH compared AS (
    SELECT report_id FROM extractions AS one JOIN extractions AS other USING (report_id)
    WHERE one.run_id = $before AND other.run_id = $after AND one.status = 'ok' AND other.status = 'ok'
), stated AS (
    SELECT DISTINCT report_id, run_id, modality AS question, coalesce(site_text, site) AS site FROM finding_rows
    WHERE present AND run_id IN ($before, $after)
    UNION
    SELECT report_id, run_id, 'general', coalesce(site_text, site) FROM general_finding_rows
    WHERE run_id IN ($before, $after)
), answers AS (
    FROM stated UNION SELECT report_id, run_id, 'abnormal', '' FROM stated
), cells AS (
    SELECT report_id, question, site, bool_or(run_id = $before) AS before, bool_or(run_id = $after) AS after
    FROM answers SEMI JOIN compared USING (report_id) GROUP BY ALL
)
"""
_BY_REPORT = """
SELECT question, report_id, count_if(before AND after), count_if(before AND NOT after), count_if(after AND NOT before)
FROM cells GROUP BY question, report_id ORDER BY ALL"""
_SITES = "SELECT question, count(DISTINCT site) FROM cells GROUP BY question"
_COMPARED = "SELECT count(*) FROM compared"


@dataclass(frozen=True)
class Agreement:
    """Answers of two readers to one question, and kappa, which is None where both give one answer alone.

    The question is whether a report is abnormal; or, for each report and each site at which either reader has a
    finding on that sequence anywhere, whether there is one.
    """

    question: str
    both: int
    only_before: int
    only_after: int
    neither: int
    kappa: Estimate


def reader_agreement(connection: duckdb.DuckDBPyConnection, before: int, after: int) -> tuple[Agreement, ...]:
    """The agreement of two runs in the reports that both have read, question by question.

    The interval of kappa is that of a bootstrap over the reports.
    """
    runs = {"before": before, "after": after}
    ((reports,),) = connection.execute(_CELLS + _COMPARED, runs).fetchall()
    sites = dict(connection.execute(_CELLS + _SITES, runs).fetchall())
    rows = connection.execute(_CELLS + _BY_REPORT, runs).fetchall()
    numbers = {report_id: at for at, report_id in enumerate(sorted({row[1] for row in rows}))}
    agreements = []
    for question in (ABNORMAL, *MODALITIES, GENERAL):
        if question not in sites:
            continue
        counts = np.zeros((reports, 4), np.int64)  # both, only before, only after, neither; of each report
        counts[:, 3] = sites[question]
        for asked, report_id, *answered in rows:
            if asked == question:
                counts[numbers[report_id]] = (*answered, sites[question] - sum(answered))
        both, only_before, only_after, neither = map(int, counts.sum(axis=0))
        agreements.append(Agreement(question, both, only_before, only_after, neither, _estimate(counts)))
    return tuple(agreements)


def kappa(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cohen's kappa of (…, 4) counts: both, only one, only the other, neither; nan where chance alone is certain."""
    both, before, after, neither = np.moveaxis(counts.astype(float), -1, 0)
    total = both + before + after + neither
    observed = (both + neither) / total
    expected = ((both + before) * (both + after) + (neither + before) * (neither + after)) / total**2
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
    return found


def _estimate(counts: NDArray[np.int64]) -> Estimate:
    value = float(kappa(counts.sum(axis=0)))
    draws = np.array([kappa(times @ counts) for times in resamples(len(counts))])
    draws = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(draws):
        return Estimate(None, None, None)
    return Estimate(round(value, DECIMALS), *interval(draws))

-- Version 13. A sentence whose findings do not fit its words has a reason of its own instead of uncited.

ALTER TABLE review_rows RENAME TO review_rows_before;
CREATE TABLE review_rows (
    run_id INTEGER NOT NULL,
    report_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    reason VARCHAR NOT NULL CHECK (reason IN ('failed', 'unlisted_site', 'disagreement', 'inconsistent', 'mended', 'low_confidence', 'uncited')),
    passage VARCHAR NOT NULL,
    passage_start INTEGER NOT NULL,
    passage_end INTEGER NOT NULL,
    alternatives JSON
);
INSERT INTO review_rows FROM review_rows_before;
DROP TABLE review_rows_before;
COMMENT ON TABLE review_rows IS 'What a person should look at, of all runs; the view review shows what counts.';
COMMENT ON COLUMN review_rows.run_id IS 'The run that wrote the row.';
COMMENT ON COLUMN review_rows.report_id IS 'The report.';
COMMENT ON COLUMN review_rows.position IS 'Its number among the report''s passages to review, from 1.';
COMMENT ON COLUMN review_rows.reason IS 'failed (not read), unlisted_site (a finding at a place that the vocabulary lacks), disagreement (two extractors differ), inconsistent (findings that do not fit the words of their sentence), mended (a finding that rests on a word corrected by guess), low_confidence, uncited (words that no finding cites and that are not understood as normal).';
COMMENT ON COLUMN review_rows.passage IS 'The words of the report in question.';
COMMENT ON COLUMN review_rows.passage_start IS 'Where they begin in the text, in characters from 0.';
COMMENT ON COLUMN review_rows.passage_end IS 'Where they end: the first character after them.';
COMMENT ON COLUMN review_rows.alternatives IS 'What a reader stated of the passage and what is not among the findings: a list of findings, negatives and general changes as in the annotated format; null where there is nothing.';

CREATE OR REPLACE VIEW review AS
SELECT list_position(
           ['failed', 'unlisted_site', 'disagreement', 'inconsistent', 'mended', 'low_confidence', 'uncited'], reason
       )::INTEGER AS priority,
       report_id, reason, passage, passage_start, passage_end, alternatives, run_id
FROM review_rows JOIN readings USING (report_id, run_id) WHERE NOT checked
ORDER BY priority, report_id, position;
COMMENT ON VIEW review IS 'What a person should look at, of the reports that nobody has checked, most urgent first.';
COMMENT ON COLUMN review.priority IS '1 is most urgent: failed, unlisted_site, disagreement, inconsistent, mended, low_confidence, uncited.';
COMMENT ON COLUMN review.report_id IS 'The report.';
COMMENT ON COLUMN review.reason IS 'failed (not read), unlisted_site (a finding at a place that the vocabulary lacks), disagreement (two extractors differ), inconsistent (findings that do not fit the words of their sentence), mended (a finding that rests on a word corrected by guess), low_confidence, uncited (words that no finding cites and that are not understood as normal).';
COMMENT ON COLUMN review.passage IS 'The words of the report in question.';
COMMENT ON COLUMN review.passage_start IS 'Where they begin in the text, in characters from 0.';
COMMENT ON COLUMN review.passage_end IS 'Where they end: the first character after them.';
COMMENT ON COLUMN review.alternatives IS 'What a reader stated of the passage and what is not among the findings: a list of findings, negatives and general changes as in the annotated format; null where there is nothing.';
COMMENT ON COLUMN review.run_id IS 'The run that wrote the row.';

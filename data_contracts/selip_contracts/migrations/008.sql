-- Version 8. What is for review keeps what the other reader stated of it.

ALTER TABLE review_rows ADD COLUMN alternatives JSON;
COMMENT ON COLUMN review_rows.alternatives IS 'What a reader stated of the passage and what is not among the findings: a list of findings, negatives and general changes as in the annotated format; null where there is nothing.';

CREATE OR REPLACE VIEW review AS
SELECT list_position(['failed', 'unlisted_site', 'disagreement', 'mended', 'low_confidence', 'uncited'], reason)::INTEGER
           AS priority,
       report_id, reason, passage, passage_start, passage_end, alternatives, run_id
FROM review_rows WHERE run_id = (SELECT run_id FROM newest_run)
ORDER BY priority, report_id, position;
COMMENT ON VIEW review IS 'What a person should look at, of the newest complete run, most urgent first.';
COMMENT ON COLUMN review.priority IS '1 is most urgent: failed, unlisted_site, disagreement, mended, low_confidence, uncited.';
COMMENT ON COLUMN review.report_id IS 'The report.';
COMMENT ON COLUMN review.reason IS 'failed (not read), uncited (words that no finding cites and that are not understood as normal), unlisted_site (a finding at a place that the vocabulary lacks), disagreement (two extractors differ), mended (a finding that rests on a word corrected by guess), low_confidence.';
COMMENT ON COLUMN review.passage IS 'The words of the report in question.';
COMMENT ON COLUMN review.passage_start IS 'Where they begin in the text, in characters from 0.';
COMMENT ON COLUMN review.passage_end IS 'Where they end: the first character after them.';
COMMENT ON COLUMN review.alternatives IS 'What a reader stated of the passage and what is not among the findings: a list of findings, negatives and general changes as in the annotated format; null where there is nothing.';
COMMENT ON COLUMN review.run_id IS 'The run that read it.';

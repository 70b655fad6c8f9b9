-- Version 10. General findings have the confidence and the agreement of two extractors, as findings have.

ALTER TABLE general_finding_rows ADD COLUMN confidence DOUBLE;
ALTER TABLE general_finding_rows ADD COLUMN agreed BOOLEAN;
COMMENT ON COLUMN general_finding_rows.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; null where only one extractor read.';
COMMENT ON COLUMN general_finding_rows.agreed IS 'Whether two extractors found it independently; null where only one read.';

DROP VIEW general_findings_en;

CREATE OR REPLACE VIEW general_findings AS
SELECT report_id, side, site, site_text, change, evidence, evidence_start, evidence_end,
       spans(evidence_spans) AS evidence_spans, confidence, agreed, reader, run_id
FROM general_finding_rows JOIN readings USING (report_id, run_id);
COMMENT ON VIEW general_findings IS 'Changes that belong to no sequence, of each report as it was read last.';
COMMENT ON COLUMN general_findings.report_id IS 'The report.';
COMMENT ON COLUMN general_findings.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN general_findings.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN general_findings.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN general_findings.change IS '扩大, 变窄, 增宽, 变浅, 萎缩, 肿胀, 增厚, 移位, 受压, 积液, 积气, 缺损, 占位, 狭窄, 闭塞, 扩张 or 其他.';
COMMENT ON COLUMN general_findings.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN general_findings.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN general_findings.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN general_findings.evidence_spans IS 'The characters of the text that say site, side, change or negation: role, start, end.';
COMMENT ON COLUMN general_findings.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; null where only one extractor read.';
COMMENT ON COLUMN general_findings.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN general_findings.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN general_findings.run_id IS 'The run that wrote the row.';

CREATE VIEW general_findings_en AS
SELECT report_id, english(side) AS side, sites.english AS site, site_text, english(change) AS change, evidence,
       evidence_start, evidence_end, evidence_spans, confidence, agreed, reader, run_id
FROM general_findings LEFT JOIN sites USING (site);
COMMENT ON VIEW general_findings_en IS 'The view general_findings with its values in English.';
COMMENT ON COLUMN general_findings_en.report_id IS 'The report.';
COMMENT ON COLUMN general_findings_en.side IS 'left, right, bilateral, or null where none is said.';
COMMENT ON COLUMN general_findings_en.site IS 'Anatomical site, the column english of the table sites.';
COMMENT ON COLUMN general_findings_en.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN general_findings_en.change IS 'enlargement, narrowing, widening, effacement, atrophy, swelling, thickening, displacement, compression, fluid, gas, defect, mass, stenosis, occlusion, dilatation or other.';
COMMENT ON COLUMN general_findings_en.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN general_findings_en.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN general_findings_en.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN general_findings_en.evidence_spans IS 'The characters of the text that say site, side, change or negation: role, start, end.';
COMMENT ON COLUMN general_findings_en.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; null where only one extractor read.';
COMMENT ON COLUMN general_findings_en.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN general_findings_en.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN general_findings_en.run_id IS 'The run that wrote the row.';

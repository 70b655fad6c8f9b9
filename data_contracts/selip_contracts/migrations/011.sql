-- Version 11. The number of lesions.

ALTER TABLE finding_rows ADD COLUMN number INTEGER;
COMMENT ON COLUMN finding_rows.number IS 'How many lesions the report counts at the sites that it names together; null where it gives no number.';

CREATE OR REPLACE VIEW findings AS
SELECT report_id, modality, side, site, site_text, signal, signal_class, present, morphology, count, number, size_mm,
       margin, lesion, certainty, evidence, evidence_start, evidence_end, spans(evidence_spans) AS evidence_spans, confidence,
       agreed, reader, run_id
FROM finding_rows JOIN readings USING (report_id, run_id);
COMMENT ON VIEW findings IS 'Findings and explicit negatives (present = false) of each report, as it was read last: by a person, or in the newest complete run.';
COMMENT ON COLUMN findings.report_id IS 'The report.';
COMMENT ON COLUMN findings.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN findings.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN findings.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN findings.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN findings.signal IS '高, 稍高, 等, 稍低, 低, 混杂; on T1CE a kind of 强化; null for a negative.';
COMMENT ON COLUMN findings.signal_class IS '高, 等, 低, 混杂 or 强化; null for a negative.';
COMMENT ON COLUMN findings.present IS 'True: the report states it; false: the report says that it is not there.';
COMMENT ON COLUMN findings.morphology IS 'Form, e.g. 点状, 斑片状, 结节状.';
COMMENT ON COLUMN findings.count IS '单发, 多发 or 散在.';
COMMENT ON COLUMN findings.number IS 'How many lesions the report counts at the sites that it names together; null where it gives no number.';
COMMENT ON COLUMN findings.size_mm IS 'The largest stated dimensions in millimetres; empty where none is said.';
COMMENT ON COLUMN findings.margin IS 'Margin, e.g. 边界清.';
COMMENT ON COLUMN findings.lesion IS 'What the report calls it, e.g. 软化灶, 水肿, 囊肿, 出血.';
COMMENT ON COLUMN findings.certainty IS '肯定 or 可疑.';
COMMENT ON COLUMN findings.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN findings.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN findings.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN findings.evidence_spans IS 'The characters of the text that say site, side, sequence, signal or negation: role, start, end.';
COMMENT ON COLUMN findings.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules alone, one minus the probability of the model''s answer; null where only the rules read.';
COMMENT ON COLUMN findings.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN findings.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN findings.run_id IS 'The run that wrote the row.';

CREATE OR REPLACE VIEW findings_en AS
SELECT report_id, modality, english(side) AS side, sites.english AS site, site_text, english(signal) AS signal,
       english(signal_class) AS signal_class, present, morphology, english(count) AS count, number, size_mm, margin,
       lesion, english(certainty) AS certainty, evidence, evidence_start, evidence_end, evidence_spans, confidence, agreed,
       reader, run_id
FROM findings LEFT JOIN sites USING (site);
COMMENT ON VIEW findings_en IS 'The view findings with the values of its closed vocabularies in English; words quoted from the report stay as they are.';
COMMENT ON COLUMN findings_en.report_id IS 'The report.';
COMMENT ON COLUMN findings_en.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN findings_en.side IS 'left, right, bilateral, or null where none is said.';
COMMENT ON COLUMN findings_en.site IS 'Anatomical site, the column english of the table sites.';
COMMENT ON COLUMN findings_en.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN findings_en.signal IS 'hyperintense, slightly hyperintense, isointense, slightly hypointense, hypointense, mixed; on T1CE a kind of enhancement; null for a negative.';
COMMENT ON COLUMN findings_en.signal_class IS 'hyperintense, isointense, hypointense, mixed or enhancement; null for a negative.';
COMMENT ON COLUMN findings_en.present IS 'True: the report states it; false: the report says that it is not there.';
COMMENT ON COLUMN findings_en.morphology IS 'Form in the words of the report, e.g. 点状, 斑片状, 结节状.';
COMMENT ON COLUMN findings_en.count IS 'single, multiple or scattered.';
COMMENT ON COLUMN findings_en.number IS 'How many lesions the report counts at the sites that it names together; null where it gives no number.';
COMMENT ON COLUMN findings_en.size_mm IS 'The largest stated dimensions in millimetres; empty where none is said.';
COMMENT ON COLUMN findings_en.margin IS 'Margin in the words of the report, e.g. 边界清.';
COMMENT ON COLUMN findings_en.lesion IS 'What the report calls it, e.g. 软化灶, 水肿, 囊肿, 出血.';
COMMENT ON COLUMN findings_en.certainty IS 'definite or possible.';
COMMENT ON COLUMN findings_en.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN findings_en.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN findings_en.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN findings_en.evidence_spans IS 'The characters of the text that say site, side, sequence, signal or negation: role, start, end.';
COMMENT ON COLUMN findings_en.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules alone, one minus the probability of the model''s answer; null where only the rules read.';
COMMENT ON COLUMN findings_en.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN findings_en.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN findings_en.run_id IS 'The run that wrote the row.';

-- Version 2. Spans as text: lists of structs took longer to write than all other columns together.
-- Not by ALTER COLUMN ... TYPE ... USING: DuckDB cannot replay its functions from the log after a kill.

ALTER TABLE runs ADD COLUMN tokens_in BIGINT;
ALTER TABLE runs ADD COLUMN tokens_out BIGINT;
ALTER TABLE runs ADD COLUMN tokens_cached BIGINT;
COMMENT ON COLUMN runs.tokens_in IS 'Tokens of the prompts that the language model read, all sittings together; null without one.';
COMMENT ON COLUMN runs.tokens_out IS 'Tokens of the answers that it wrote, all sittings together; null without one.';
COMMENT ON COLUMN runs.tokens_cached IS 'Of tokens_in those that the engine took from its cache; null without one.';

CREATE MACRO spans(written) AS CASE WHEN written IS NOT NULL THEN list_zip(
    regexp_extract_all(written, '[a-z]+'),
    regexp_extract_all(written, ':(\d+)', 1),
    regexp_extract_all(written, '-(\d+)', 1)
)::STRUCT("role" VARCHAR, "start" INTEGER, "end" INTEGER)[] END;
COMMENT ON MACRO spans IS 'The list of role, start and end that a text of spans says.';

ALTER TABLE finding_rows ADD COLUMN written VARCHAR;
UPDATE finding_rows SET written =
array_to_string([concat(span.role, ':', span.start, '-', span.end) FOR span IN evidence_spans], ' ');
ALTER TABLE finding_rows DROP COLUMN evidence_spans;
ALTER TABLE finding_rows RENAME COLUMN written TO evidence_spans;
COMMENT ON COLUMN finding_rows.evidence_spans IS 'The characters of the text that say site, side, sequence, signal or negation, as role:start-end with blanks between; spans(evidence_spans) makes it a list.';

ALTER TABLE general_finding_rows ADD COLUMN written VARCHAR;
UPDATE general_finding_rows SET written =
array_to_string([concat(span.role, ':', span.start, '-', span.end) FOR span IN evidence_spans], ' ');
ALTER TABLE general_finding_rows DROP COLUMN evidence_spans;
ALTER TABLE general_finding_rows RENAME COLUMN written TO evidence_spans;
COMMENT ON COLUMN general_finding_rows.evidence_spans IS 'The characters of the text that say site, side, change or negation, as role:start-end with blanks between; spans(evidence_spans) makes it a list.';

CREATE OR REPLACE VIEW findings AS
SELECT report_id, modality, side, site, signal, signal_class, present, morphology, count, size_mm, margin, lesion,
       certainty, evidence, evidence_start, evidence_end, spans(evidence_spans) AS evidence_spans, confidence, agreed, run_id
FROM finding_rows WHERE run_id = (SELECT run_id FROM newest_run);
COMMENT ON VIEW findings IS 'Findings and explicit negatives (present = false) of the newest complete run.';
COMMENT ON COLUMN findings.report_id IS 'The report.';
COMMENT ON COLUMN findings.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN findings.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN findings.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN findings.signal IS '高, 稍高, 等, 稍低, 低, 混杂; on T1CE a kind of 强化; null for a negative.';
COMMENT ON COLUMN findings.signal_class IS '高, 等, 低, 混杂 or 强化; null for a negative.';
COMMENT ON COLUMN findings.present IS 'True: the report states it; false: the report says that it is not there.';
COMMENT ON COLUMN findings.morphology IS 'Form, e.g. 点状, 斑片状, 结节状.';
COMMENT ON COLUMN findings.count IS '单发, 多发 or 散在.';
COMMENT ON COLUMN findings.size_mm IS 'The largest stated dimensions in millimetres; empty where none is said.';
COMMENT ON COLUMN findings.margin IS 'Margin, e.g. 边界清.';
COMMENT ON COLUMN findings.lesion IS 'What the report calls it, e.g. 软化灶, 水肿, 囊肿, 出血.';
COMMENT ON COLUMN findings.certainty IS '肯定 or 可疑.';
COMMENT ON COLUMN findings.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN findings.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN findings.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN findings.evidence_spans IS 'The characters of the text that say site, side, sequence, signal or negation: role, start, end.';
COMMENT ON COLUMN findings.confidence IS 'The model''s probability of its whole answer on the sentence, 0 to 1; where the rules'' reading is kept instead, one minus it; null where only the rules read.';
COMMENT ON COLUMN findings.agreed IS 'Whether two readers found it independently; null where only one read.';
COMMENT ON COLUMN findings.run_id IS 'The run that wrote the row.';

CREATE OR REPLACE VIEW general_findings AS
SELECT report_id, side, site, change, evidence, evidence_start, evidence_end, spans(evidence_spans) AS evidence_spans, run_id
FROM general_finding_rows WHERE run_id = (SELECT run_id FROM newest_run);
COMMENT ON VIEW general_findings IS 'Changes that belong to no sequence, of the newest complete run.';
COMMENT ON COLUMN general_findings.report_id IS 'The report.';
COMMENT ON COLUMN general_findings.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN general_findings.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN general_findings.change IS '扩大, 变窄, 增宽, 变浅, 萎缩, 肿胀, 增厚, 移位, 受压, 积液, 积气, 缺损, 占位, 狭窄, 闭塞, 扩张 or 其他.';
COMMENT ON COLUMN general_findings.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN general_findings.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN general_findings.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN general_findings.evidence_spans IS 'The characters of the text that say site, side, change or negation: role, start, end.';
COMMENT ON COLUMN general_findings.run_id IS 'The run that wrote the row.';

-- Version 1. Every table, view and column has a comment.

CREATE TABLE selip_schema (version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL);
COMMENT ON TABLE selip_schema IS 'The versions of tables and views that this file has been through.';
COMMENT ON COLUMN selip_schema.version IS 'The version, from 1.';
COMMENT ON COLUMN selip_schema.applied_at IS 'When the file became of this version, in UTC.';

CREATE TABLE reports (
    ordinal BIGINT NOT NULL,
    report_id VARCHAR NOT NULL PRIMARY KEY,
    given_id VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    text_sha256 VARCHAR NOT NULL,
    source_file VARCHAR NOT NULL,
    source_row BIGINT NOT NULL,
    added_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE reports IS 'The reports as they were given, each id and text once.';
COMMENT ON COLUMN reports.ordinal IS 'The order in which the reports came in, from 1.';
COMMENT ON COLUMN reports.report_id IS 'The report''s id: as given, with #2, #3 … where one id came with several texts.';
COMMENT ON COLUMN reports.given_id IS 'The id as the source file gives it.';
COMMENT ON COLUMN reports.text IS 'The findings text (影像所见), unchanged.';
COMMENT ON COLUMN reports.text_sha256 IS 'SHA-256 of the text in UTF-8, in hexadecimal.';
COMMENT ON COLUMN reports.source_file IS 'The file that it was first read from.';
COMMENT ON COLUMN reports.source_row IS 'Its row in that file, from 1, the heading left out.';
COMMENT ON COLUMN reports.added_at IS 'When it was added, in UTC.';

CREATE TABLE runs (
    run_id INTEGER NOT NULL PRIMARY KEY,
    fingerprint VARCHAR NOT NULL,
    reader VARCHAR NOT NULL,
    engine VARCHAR,
    model_hash VARCHAR,
    adapter_hash VARCHAR,
    task_version VARCHAR,
    grammar_version VARCHAR,
    schema_version VARCHAR,
    code_version VARCHAR NOT NULL,
    seed BIGINT,
    configuration JSON NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    last_finished_at TIMESTAMP,
    seconds DOUBLE NOT NULL,
    reports_per_second DOUBLE
);
COMMENT ON TABLE runs IS 'One extraction run: one configuration, over as many reports and sittings as it was used for.';
COMMENT ON COLUMN runs.run_id IS 'The run''s number, from 1.';
COMMENT ON COLUMN runs.fingerprint IS 'SHA-256 of the configuration: the same configuration continues the same run.';
COMMENT ON COLUMN runs.reader IS 'What read the reports, e.g. the language model with the rule reader beside it, or rules alone.';
COMMENT ON COLUMN runs.engine IS 'What ran the language model; null where there was none.';
COMMENT ON COLUMN runs.model_hash IS 'Hash of the language model''s weights; null where there was none.';
COMMENT ON COLUMN runs.adapter_hash IS 'Hash of the adapter on top of the model; null where there was none.';
COMMENT ON COLUMN runs.task_version IS 'Version of prompt and answer form; null without a language model.';
COMMENT ON COLUMN runs.grammar_version IS 'Version of the answer grammar; null without a language model.';
COMMENT ON COLUMN runs.schema_version IS 'Version of the finding schema and its vocabulary; null where it is not known.';
COMMENT ON COLUMN runs.code_version IS 'Version of the program.';
COMMENT ON COLUMN runs.seed IS 'Seed of the random numbers; null where none are drawn.';
COMMENT ON COLUMN runs.configuration IS 'The whole configuration, decoding settings included.';
COMMENT ON COLUMN runs.started_at IS 'When the run was begun, in UTC.';
COMMENT ON COLUMN runs.finished_at IS 'When it had first read every report of this file, in UTC; null while it has not.';
COMMENT ON COLUMN runs.last_finished_at IS 'When it was last complete after a sitting, in UTC: the newest complete run has the greatest.';
COMMENT ON COLUMN runs.seconds IS 'Seconds spent reading reports, all sittings together.';
COMMENT ON COLUMN runs.reports_per_second IS 'Speed of the last sitting that read any report.';

CREATE TABLE extractions (
    run_id INTEGER NOT NULL,
    report_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL CHECK (status IN ('ok', 'incomplete', 'invalid', 'too_long', 'empty', 'error')),
    seconds DOUBLE NOT NULL,
    reply VARCHAR,
    note VARCHAR,
    PRIMARY KEY (run_id, report_id)
);
COMMENT ON TABLE extractions IS 'One report read in one run: what became of it. Only a report with status ok has findings.';
COMMENT ON COLUMN extractions.run_id IS 'The run that read it.';
COMMENT ON COLUMN extractions.report_id IS 'The report.';
COMMENT ON COLUMN extractions.status IS 'ok, incomplete (the reply did not end), invalid (the reply is not valid), too_long, empty (no text), error.';
COMMENT ON COLUMN extractions.seconds IS 'Seconds spent on this report, its share of a batch.';
COMMENT ON COLUMN extractions.reply IS 'What the language model wrote, unchanged; null where none was asked.';
COMMENT ON COLUMN extractions.note IS 'Why the status is what it is, in words; null where there is nothing to say.';

CREATE TABLE finding_rows (
    run_id INTEGER NOT NULL,
    report_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    modality VARCHAR NOT NULL,
    side VARCHAR,
    site VARCHAR NOT NULL,
    signal VARCHAR,
    signal_class VARCHAR,
    present BOOLEAN NOT NULL,
    morphology VARCHAR,
    count VARCHAR,
    size_mm DOUBLE[] NOT NULL,
    margin VARCHAR,
    lesion VARCHAR,
    certainty VARCHAR NOT NULL,
    evidence VARCHAR,
    evidence_start INTEGER,
    evidence_end INTEGER,
    evidence_spans STRUCT("role" VARCHAR, "start" INTEGER, "end" INTEGER)[],
    confidence DOUBLE,
    agreed BOOLEAN
);
COMMENT ON TABLE finding_rows IS 'The findings and explicit negatives of all runs; the view findings shows those of the newest complete run.';
COMMENT ON COLUMN finding_rows.run_id IS 'The run that wrote the row.';
COMMENT ON COLUMN finding_rows.report_id IS 'The report.';
COMMENT ON COLUMN finding_rows.position IS 'Place among the report''s findings, or among its negatives, from 1.';
COMMENT ON COLUMN finding_rows.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN finding_rows.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN finding_rows.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN finding_rows.signal IS '高, 稍高, 等, 稍低, 低, 混杂; on T1CE a kind of 强化; null for a negative.';
COMMENT ON COLUMN finding_rows.signal_class IS '高, 等, 低, 混杂 or 强化; null for a negative.';
COMMENT ON COLUMN finding_rows.present IS 'True: the report states it; false: the report says that it is not there.';
COMMENT ON COLUMN finding_rows.morphology IS 'Form, e.g. 点状, 斑片状, 结节状.';
COMMENT ON COLUMN finding_rows.count IS '单发, 多发 or 散在.';
COMMENT ON COLUMN finding_rows.size_mm IS 'The largest stated dimensions in millimetres; empty where none is said.';
COMMENT ON COLUMN finding_rows.margin IS 'Margin, e.g. 边界清.';
COMMENT ON COLUMN finding_rows.lesion IS 'What the report calls it, e.g. 软化灶, 水肿, 囊肿, 出血.';
COMMENT ON COLUMN finding_rows.certainty IS '肯定 or 可疑.';
COMMENT ON COLUMN finding_rows.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN finding_rows.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN finding_rows.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN finding_rows.evidence_spans IS 'The characters of the text that say site, side, sequence, signal or negation: role, start, end.';
COMMENT ON COLUMN finding_rows.confidence IS 'The model''s probability of its whole answer on the sentence, 0 to 1; where the rules'' reading is kept instead, one minus it; null where only the rules read.';
COMMENT ON COLUMN finding_rows.agreed IS 'Whether two readers found it independently; null where only one read.';

CREATE TABLE general_finding_rows (
    run_id INTEGER NOT NULL,
    report_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    side VARCHAR,
    site VARCHAR NOT NULL,
    change VARCHAR NOT NULL,
    evidence VARCHAR,
    evidence_start INTEGER,
    evidence_end INTEGER,
    evidence_spans STRUCT("role" VARCHAR, "start" INTEGER, "end" INTEGER)[]
);
COMMENT ON TABLE general_finding_rows IS 'The changes that belong to no sequence, of all runs; the view general_findings shows those of the newest complete run.';
COMMENT ON COLUMN general_finding_rows.run_id IS 'The run that wrote the row.';
COMMENT ON COLUMN general_finding_rows.report_id IS 'The report.';
COMMENT ON COLUMN general_finding_rows.position IS 'Place among the report''s general findings, from 1.';
COMMENT ON COLUMN general_finding_rows.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN general_finding_rows.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN general_finding_rows.change IS '扩大, 变窄, 增宽, 变浅, 萎缩, 肿胀, 增厚, 移位, 受压, 积液, 积气, 缺损, 占位, 狭窄, 闭塞, 扩张 or 其他.';
COMMENT ON COLUMN general_finding_rows.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN general_finding_rows.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN general_finding_rows.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN general_finding_rows.evidence_spans IS 'The characters of the text that say site, side, change or negation: role, start, end.';

CREATE TABLE review_rows (
    run_id INTEGER NOT NULL,
    report_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    reason VARCHAR NOT NULL CHECK (reason IN ('disagreement', 'uncited', 'low_confidence', 'failed')),
    passage VARCHAR NOT NULL,
    passage_start INTEGER NOT NULL,
    passage_end INTEGER NOT NULL
);
COMMENT ON TABLE review_rows IS 'What a person should look at, of all runs; the view review shows it for the newest complete run.';
COMMENT ON COLUMN review_rows.run_id IS 'The run that wrote the row.';
COMMENT ON COLUMN review_rows.report_id IS 'The report.';
COMMENT ON COLUMN review_rows.position IS 'Place among the report''s passages to review, from 1.';
COMMENT ON COLUMN review_rows.reason IS 'failed (not read), disagreement (two readers differ), uncited (abnormal words that no finding cites), low_confidence.';
COMMENT ON COLUMN review_rows.passage IS 'The words of the report in question.';
COMMENT ON COLUMN review_rows.passage_start IS 'Where they begin in the text, in characters from 0.';
COMMENT ON COLUMN review_rows.passage_end IS 'Where they end: the first character after them.';

CREATE TABLE sites (
    site VARCHAR NOT NULL,
    english VARCHAR NOT NULL,
    parent VARCHAR,
    ancestors VARCHAR[] NOT NULL,
    laterality VARCHAR NOT NULL,
    surface_forms VARCHAR[] NOT NULL
);
COMMENT ON TABLE sites IS 'The controlled vocabulary of anatomy, kept equal to the program''s.';
COMMENT ON COLUMN sites.site IS 'The site''s name.';
COMMENT ON COLUMN sites.english IS 'Its English name.';
COMMENT ON COLUMN sites.parent IS 'The site that contains it; null at the top.';
COMMENT ON COLUMN sites.ancestors IS 'All sites that contain it, nearest first.';
COMMENT ON COLUMN sites.laterality IS 'paired (left and right), midline, or none.';
COMMENT ON COLUMN sites.surface_forms IS 'How reports write it.';

CREATE TABLE images (
    path VARCHAR NOT NULL PRIMARY KEY,
    report_id VARCHAR NOT NULL,
    modality VARCHAR NOT NULL,
    added_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE images IS 'The volumes, one a sequence of a study.';
COMMENT ON COLUMN images.path IS 'The volume''s file.';
COMMENT ON COLUMN images.report_id IS 'The report of the study that it belongs to.';
COMMENT ON COLUMN images.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN images.added_at IS 'When it was added, in UTC.';

CREATE TABLE results (
    task VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    low DOUBLE,
    high DOUBLE,
    configuration JSON NOT NULL,
    computed_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE results IS 'Figures of the downstream tasks with their intervals; a new computation adds rows.';
COMMENT ON COLUMN results.task IS 'What was measured, e.g. retrieval, classification, segmentation.';
COMMENT ON COLUMN results.subject IS 'Which checkpoint or method was measured.';
COMMENT ON COLUMN results.metric IS 'The figure''s name.';
COMMENT ON COLUMN results.value IS 'The figure.';
COMMENT ON COLUMN results.low IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN results.high IS 'Upper end of its 95 % interval.';
COMMENT ON COLUMN results.configuration IS 'The whole configuration of the computation.';
COMMENT ON COLUMN results.computed_at IS 'When it was computed, in UTC.';

CREATE VIEW newest_run AS
SELECT run_id FROM runs WHERE last_finished_at IS NOT NULL ORDER BY last_finished_at DESC, run_id DESC LIMIT 1;
COMMENT ON VIEW newest_run IS 'The newest complete run: findings, negatives, general_findings, review and statements show this one.';
COMMENT ON COLUMN newest_run.run_id IS 'The run; no row while none is complete.';

CREATE VIEW findings AS
SELECT report_id, modality, side, site, signal, signal_class, present, morphology, count, size_mm, margin, lesion,
       certainty, evidence, evidence_start, evidence_end, evidence_spans, confidence, agreed, run_id
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

CREATE VIEW negatives AS
SELECT report_id, modality, side, site, evidence, evidence_start, evidence_end, evidence_spans, confidence, agreed, run_id
FROM findings WHERE NOT present;
COMMENT ON VIEW negatives IS 'What the reports say is not there, of the newest complete run.';
COMMENT ON COLUMN negatives.report_id IS 'The report.';
COMMENT ON COLUMN negatives.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN negatives.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN negatives.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN negatives.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN negatives.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN negatives.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN negatives.evidence_spans IS 'The characters of the text that say site, side, sequence, signal or negation: role, start, end.';
COMMENT ON COLUMN negatives.confidence IS 'The model''s probability of its whole answer on the sentence, 0 to 1; where the rules'' reading is kept instead, one minus it; null where only the rules read.';
COMMENT ON COLUMN negatives.agreed IS 'Whether two readers found it independently; null where only one read.';
COMMENT ON COLUMN negatives.run_id IS 'The run that wrote the row.';

CREATE VIEW general_findings AS
SELECT report_id, side, site, change, evidence, evidence_start, evidence_end, evidence_spans, run_id
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

CREATE VIEW review AS
SELECT list_position(['failed', 'disagreement', 'uncited', 'low_confidence'], reason)::INTEGER AS priority,
       report_id, reason, passage, passage_start, passage_end, run_id
FROM review_rows WHERE run_id = (SELECT run_id FROM newest_run)
ORDER BY priority, report_id, position;
COMMENT ON VIEW review IS 'What a person should look at, of the newest complete run, most urgent first.';
COMMENT ON COLUMN review.priority IS '1 is most urgent: failed, disagreement, uncited, low_confidence.';
COMMENT ON COLUMN review.report_id IS 'The report.';
COMMENT ON COLUMN review.reason IS 'failed (not read), disagreement (two readers differ), uncited (abnormal words that no finding cites), low_confidence.';
COMMENT ON COLUMN review.passage IS 'The words of the report in question.';
COMMENT ON COLUMN review.passage_start IS 'Where they begin in the text, in characters from 0.';
COMMENT ON COLUMN review.passage_end IS 'Where they end: the first character after them.';
COMMENT ON COLUMN review.run_id IS 'The run that wrote the row.';

CREATE VIEW statements AS
WITH stated AS (
    SELECT report_id, modality, min(position) AS position,
           concat('在', side, site, '表现为',
                  CASE WHEN regexp_full_match(morphology, '[一-龥]+[状样形性]')
                            AND NOT (signal = '强化' AND morphology LIKE '%环形') THEN morphology END,
                  signal, CASE WHEN modality <> 'T1CE' THEN '信号' END) AS statement
    FROM finding_rows WHERE present AND run_id = (SELECT run_id FROM newest_run)
    GROUP BY ALL
), abnormal AS (
    SELECT report_id FROM stated
    UNION SELECT report_id FROM general_finding_rows WHERE run_id = (SELECT run_id FROM newest_run)
)
SELECT report_id, modality, string_agg(statement, '，' ORDER BY position) AS text, false AS normal,
       (SELECT run_id FROM newest_run) AS run_id
FROM stated GROUP BY report_id, modality
UNION ALL
SELECT report_id, unnest(['T1', 'T2', 'FLAIR', 'DWI', 'ADC', 'T1CE', 'SWI']),
       '头颅形态、大小未见异常。脑实质未见异常信号影，所见脑室形态及脑沟裂池未见异常扩张或变窄，中线结构未见移位。', true, run_id
FROM extractions
WHERE status = 'ok' AND run_id = (SELECT run_id FROM newest_run) AND report_id NOT IN (FROM abnormal);
COMMENT ON VIEW statements IS 'The canonical text of each sequence of a study, of the newest complete run. An abnormal study has rows only for the sequences that it has findings on.';
COMMENT ON COLUMN statements.report_id IS 'The report of the study.';
COMMENT ON COLUMN statements.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN statements.text IS 'Its findings as 在{side}{site}表现为{appearance} joined by ，, or the fixed text of a normal study.';
COMMENT ON COLUMN statements.normal IS 'Whether the study has no finding at all.';
COMMENT ON COLUMN statements.run_id IS 'The run that it was extracted in.';

CREATE VIEW pairs AS
SELECT images.path, images.report_id, images.modality, statements.text, statements.normal, statements.run_id
FROM images JOIN statements USING (report_id, modality);
COMMENT ON VIEW pairs IS 'A volume with the canonical text of its own sequence.';
COMMENT ON COLUMN pairs.path IS 'The volume''s file.';
COMMENT ON COLUMN pairs.report_id IS 'The report of the study.';
COMMENT ON COLUMN pairs.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN pairs.text IS 'The text of that sequence.';
COMMENT ON COLUMN pairs.normal IS 'Whether the study has no finding at all.';
COMMENT ON COLUMN pairs.run_id IS 'The run that the text was extracted in.';

-- Version 7. Places that the vocabulary lacks keep the report's words, and only what was understood is normal.

ALTER TABLE finding_rows ADD COLUMN site_text VARCHAR;
COMMENT ON COLUMN finding_rows.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
ALTER TABLE general_finding_rows ADD COLUMN site_text VARCHAR;
COMMENT ON COLUMN general_finding_rows.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';

-- Made anew: DuckDB changes no constraint of a table that is there.
ALTER TABLE extractions RENAME TO extractions_before;
CREATE TABLE extractions (
    run_id INTEGER NOT NULL,
    report_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL CHECK (status IN ('ok', 'incomplete', 'invalid', 'too_long', 'empty', 'not_chinese', 'not_mri', 'not_head', 'error')),
    seconds DOUBLE NOT NULL,
    reply VARCHAR,
    note VARCHAR,
    PRIMARY KEY (run_id, report_id)
);
INSERT INTO extractions FROM extractions_before;
DROP TABLE extractions_before;
COMMENT ON TABLE extractions IS 'One report read in one run: what became of it. Only a report with status ok has findings.';
COMMENT ON COLUMN extractions.run_id IS 'The run that read it.';
COMMENT ON COLUMN extractions.report_id IS 'The report.';
COMMENT ON COLUMN extractions.status IS 'ok, incomplete (the reply did not end), invalid (the reply is not valid), too_long, empty (no text), not_chinese (no Chinese text), not_mri (another kind of exam, e.g. CT), not_head (another part of the body), error.';
COMMENT ON COLUMN extractions.seconds IS 'Seconds spent on this report, its share of a batch.';
COMMENT ON COLUMN extractions.reply IS 'What the language model wrote, unchanged; null where none was asked.';
COMMENT ON COLUMN extractions.note IS 'Why the status is what it is, in words; null where there is nothing to say.';

ALTER TABLE review_rows RENAME TO review_rows_before;
CREATE TABLE review_rows (
    run_id INTEGER NOT NULL,
    report_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    reason VARCHAR NOT NULL CHECK (reason IN ('failed', 'uncited', 'unlisted_site', 'disagreement', 'mended', 'low_confidence')),
    passage VARCHAR NOT NULL,
    passage_start INTEGER NOT NULL,
    passage_end INTEGER NOT NULL
);
INSERT INTO review_rows FROM review_rows_before;
DROP TABLE review_rows_before;
COMMENT ON TABLE review_rows IS 'What a person should look at, of all runs; the view review shows it for the newest complete run.';
COMMENT ON COLUMN review_rows.run_id IS 'The run that wrote the row.';
COMMENT ON COLUMN review_rows.report_id IS 'The report.';
COMMENT ON COLUMN review_rows.position IS 'Its number among the report''s passages to review, from 1.';
COMMENT ON COLUMN review_rows.reason IS 'failed (not read), uncited (words that no finding cites and that are not understood as normal), unlisted_site (a finding at a place that the vocabulary lacks), disagreement (two extractors differ), mended (a finding that rests on a word corrected by guess), low_confidence.';
COMMENT ON COLUMN review_rows.passage IS 'The words of the report in question.';
COMMENT ON COLUMN review_rows.passage_start IS 'Where they begin in the text, in characters from 0.';
COMMENT ON COLUMN review_rows.passage_end IS 'Where they end: the first character after them.';

CREATE OR REPLACE VIEW review AS
SELECT list_position(['failed', 'uncited', 'unlisted_site', 'disagreement', 'mended', 'low_confidence'], reason)::INTEGER
           AS priority,
       report_id, reason, passage, passage_start, passage_end, run_id
FROM review_rows WHERE run_id = (SELECT run_id FROM newest_run)
ORDER BY priority, report_id, position;
COMMENT ON VIEW review IS 'What a person should look at, of the newest complete run, most urgent first.';
COMMENT ON COLUMN review.priority IS '1 is most urgent: failed, uncited, unlisted_site, disagreement, mended, low_confidence.';
COMMENT ON COLUMN review.report_id IS 'The report.';
COMMENT ON COLUMN review.reason IS 'failed (not read), uncited (words that no finding cites and that are not understood as normal), unlisted_site (a finding at a place that the vocabulary lacks), disagreement (two extractors differ), mended (a finding that rests on a word corrected by guess), low_confidence.';
COMMENT ON COLUMN review.passage IS 'The words of the report in question.';
COMMENT ON COLUMN review.passage_start IS 'Where they begin in the text, in characters from 0.';
COMMENT ON COLUMN review.passage_end IS 'Where they end: the first character after them.';
COMMENT ON COLUMN review.run_id IS 'The run that wrote the row.';

DROP VIEW places_en;
DROP VIEW signals_by_site_en;
DROP VIEW places;
DROP VIEW signals_by_site;
DROP VIEW findings_en;
DROP VIEW negatives;

CREATE OR REPLACE VIEW findings AS
SELECT report_id, modality, side, site, site_text, signal, signal_class, present, morphology, count, size_mm, margin,
       lesion, certainty, evidence, evidence_start, evidence_end, spans(evidence_spans) AS evidence_spans, confidence,
       agreed, run_id
FROM finding_rows WHERE run_id = (SELECT run_id FROM newest_run);
COMMENT ON VIEW findings IS 'Findings and explicit negatives (present = false) of the newest complete run.';
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
COMMENT ON COLUMN findings.run_id IS 'The run that wrote the row.';

CREATE VIEW negatives AS
SELECT report_id, modality, side, site, site_text, evidence, evidence_start, evidence_end, evidence_spans, confidence,
       agreed, run_id
FROM findings WHERE NOT present;
COMMENT ON VIEW negatives IS 'What the reports say is not there, of the newest complete run.';
COMMENT ON COLUMN negatives.report_id IS 'The report.';
COMMENT ON COLUMN negatives.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN negatives.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN negatives.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN negatives.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN negatives.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN negatives.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN negatives.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN negatives.evidence_spans IS 'The characters of the text that say site, side, sequence, signal or negation: role, start, end.';
COMMENT ON COLUMN negatives.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules alone, one minus the probability of the model''s answer; null where only the rules read.';
COMMENT ON COLUMN negatives.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN negatives.run_id IS 'The run that wrote the row.';

CREATE VIEW findings_en AS
SELECT report_id, modality, english(side) AS side, sites.english AS site, site_text, english(signal) AS signal,
       english(signal_class) AS signal_class, present, morphology, english(count) AS count, size_mm, margin, lesion,
       english(certainty) AS certainty, evidence, evidence_start, evidence_end, evidence_spans, confidence, agreed, run_id
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
COMMENT ON COLUMN findings_en.run_id IS 'The run that wrote the row.';

DROP VIEW general_findings_en;
CREATE OR REPLACE VIEW general_findings AS
SELECT report_id, side, site, site_text, change, evidence, evidence_start, evidence_end,
       spans(evidence_spans) AS evidence_spans, run_id
FROM general_finding_rows WHERE run_id = (SELECT run_id FROM newest_run);
COMMENT ON VIEW general_findings IS 'Changes that belong to no sequence, of the newest complete run.';
COMMENT ON COLUMN general_findings.report_id IS 'The report.';
COMMENT ON COLUMN general_findings.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN general_findings.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN general_findings.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN general_findings.change IS '扩大, 变窄, 增宽, 变浅, 萎缩, 肿胀, 增厚, 移位, 受压, 积液, 积气, 缺损, 占位, 狭窄, 闭塞, 扩张 or 其他.';
COMMENT ON COLUMN general_findings.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN general_findings.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN general_findings.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN general_findings.evidence_spans IS 'The characters of the text that say site, side, change or negation: role, start, end.';
COMMENT ON COLUMN general_findings.run_id IS 'The run that wrote the row.';

CREATE VIEW general_findings_en AS
SELECT report_id, english(side) AS side, sites.english AS site, site_text, english(change) AS change, evidence,
       evidence_start, evidence_end, evidence_spans, run_id
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
COMMENT ON COLUMN general_findings_en.run_id IS 'The run that wrote the row.';

CREATE VIEW signals_by_site AS
SELECT report_id, side, site, site_text,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'T1'), []))) AS T1,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'T2'), []))) AS T2,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'FLAIR'), []))) AS FLAIR,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'DWI'), []))) AS DWI,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'ADC'), []))) AS ADC,
       list_sort(list_distinct(coalesce(list(signal) FILTER (modality = 'T1CE'), []))) AS T1CE,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'SWI'), []))) AS SWI,
       max(list_max(size_mm)) AS largest_mm, run_id
FROM findings WHERE present GROUP BY report_id, side, site, site_text, run_id;
COMMENT ON VIEW signals_by_site IS 'What each sequence shows at one site and side of one report: the classes of the signals found there.';
COMMENT ON COLUMN signals_by_site.report_id IS 'The report.';
COMMENT ON COLUMN signals_by_site.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN signals_by_site.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN signals_by_site.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN signals_by_site.T1 IS 'Signal classes on T1: 高, 等, 低, 混杂; empty where the report says nothing of T1 there.';
COMMENT ON COLUMN signals_by_site.T2 IS 'Signal classes on T2.';
COMMENT ON COLUMN signals_by_site.FLAIR IS 'Signal classes on FLAIR.';
COMMENT ON COLUMN signals_by_site.DWI IS 'Signal classes on DWI.';
COMMENT ON COLUMN signals_by_site.ADC IS 'Signal classes on ADC.';
COMMENT ON COLUMN signals_by_site.T1CE IS 'Kinds of enhancement: 明显强化, 轻度强化, 均匀强化, 不均匀强化, 环形强化, 强化.';
COMMENT ON COLUMN signals_by_site.SWI IS 'Signal classes on SWI.';
COMMENT ON COLUMN signals_by_site.largest_mm IS 'The largest dimension stated of anything there, in millimetres; null where none is said.';
COMMENT ON COLUMN signals_by_site.run_id IS 'The run that found it.';

CREATE VIEW signals_by_site_en AS
SELECT report_id, english(side) AS side, sites.english AS site, site_text,
       list_sort([english(word) FOR word IN T1]) AS T1,
       list_sort([english(word) FOR word IN T2]) AS T2,
       list_sort([english(word) FOR word IN FLAIR]) AS FLAIR,
       list_sort([english(word) FOR word IN DWI]) AS DWI,
       list_sort([english(word) FOR word IN ADC]) AS ADC,
       list_sort([english(word) FOR word IN T1CE]) AS T1CE,
       list_sort([english(word) FOR word IN SWI]) AS SWI,
       largest_mm, run_id
FROM signals_by_site LEFT JOIN sites USING (site);
COMMENT ON VIEW signals_by_site_en IS 'The view signals_by_site with its values in English.';
COMMENT ON COLUMN signals_by_site_en.report_id IS 'The report.';
COMMENT ON COLUMN signals_by_site_en.side IS 'left, right, bilateral, or null where none is said.';
COMMENT ON COLUMN signals_by_site_en.site IS 'Anatomical site, the column english of the table sites.';
COMMENT ON COLUMN signals_by_site_en.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN signals_by_site_en.T1 IS 'Signal classes on T1: hyperintense, isointense, hypointense, mixed; empty where the report says nothing of T1 there.';
COMMENT ON COLUMN signals_by_site_en.T2 IS 'Signal classes on T2.';
COMMENT ON COLUMN signals_by_site_en.FLAIR IS 'Signal classes on FLAIR.';
COMMENT ON COLUMN signals_by_site_en.DWI IS 'Signal classes on DWI.';
COMMENT ON COLUMN signals_by_site_en.ADC IS 'Signal classes on ADC.';
COMMENT ON COLUMN signals_by_site_en.T1CE IS 'Kinds of enhancement: marked, mild, homogeneous, heterogeneous, ring enhancement, or enhancement.';
COMMENT ON COLUMN signals_by_site_en.SWI IS 'Signal classes on SWI.';
COMMENT ON COLUMN signals_by_site_en.largest_mm IS 'The largest dimension stated of anything there, in millimetres; null where none is said.';
COMMENT ON COLUMN signals_by_site_en.run_id IS 'The run that found it.';

CREATE VIEW places AS FROM signals_by_site;
COMMENT ON VIEW places IS 'Older name of signals_by_site, for queries written before version 6.';
COMMENT ON COLUMN places.report_id IS 'As in signals_by_site.';
COMMENT ON COLUMN places.side IS 'As in signals_by_site.';
COMMENT ON COLUMN places.site IS 'As in signals_by_site.';
COMMENT ON COLUMN places.site_text IS 'As in signals_by_site.';
COMMENT ON COLUMN places.T1 IS 'As in signals_by_site.';
COMMENT ON COLUMN places.T2 IS 'As in signals_by_site.';
COMMENT ON COLUMN places.FLAIR IS 'As in signals_by_site.';
COMMENT ON COLUMN places.DWI IS 'As in signals_by_site.';
COMMENT ON COLUMN places.ADC IS 'As in signals_by_site.';
COMMENT ON COLUMN places.T1CE IS 'As in signals_by_site.';
COMMENT ON COLUMN places.SWI IS 'As in signals_by_site.';
COMMENT ON COLUMN places.largest_mm IS 'As in signals_by_site.';
COMMENT ON COLUMN places.run_id IS 'As in signals_by_site.';

CREATE VIEW places_en AS FROM signals_by_site_en;
COMMENT ON VIEW places_en IS 'Older name of signals_by_site_en, for queries written before version 6.';
COMMENT ON COLUMN places_en.report_id IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.side IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.site IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.site_text IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.T1 IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.T2 IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.FLAIR IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.DWI IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.ADC IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.T1CE IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.SWI IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.largest_mm IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.run_id IS 'As in signals_by_site_en.';

CREATE OR REPLACE VIEW studies AS
WITH run AS (SELECT run_id FROM newest_run),
found AS (
    SELECT report_id, count_if(present) AS findings, count_if(NOT present) AS negatives
    FROM finding_rows WHERE run_id = (FROM run) GROUP BY report_id
), changed AS (
    SELECT report_id, count(*) AS general FROM general_finding_rows WHERE run_id = (FROM run) GROUP BY report_id
), doubted AS (
    SELECT report_id, count(*) AS to_review, count_if(reason = 'uncited') AS uncited
    FROM review_rows WHERE run_id = (FROM run) GROUP BY report_id
)
SELECT report_id, status,
       CASE WHEN status = 'ok' THEN coalesce(findings, 0) + coalesce(general, 0) + coalesce(uncited, 0) = 0 END AS normal,
       coalesce(findings, 0)::BIGINT AS findings, coalesce(negatives, 0)::BIGINT AS negatives,
       coalesce(general, 0)::BIGINT AS general, coalesce(to_review, 0)::BIGINT AS to_review, run_id
FROM extractions LEFT JOIN found USING (report_id) LEFT JOIN changed USING (report_id)
     LEFT JOIN doubted USING (report_id)
WHERE run_id = (FROM run);
COMMENT ON VIEW studies IS 'Each report of the newest complete run: whether it is normal, and how much was found in it.';
COMMENT ON COLUMN studies.report_id IS 'The report.';
COMMENT ON COLUMN studies.status IS 'ok, incomplete (the reply did not end), invalid (the reply is not valid), too_long, empty (no text), not_chinese (no Chinese text), not_mri (another kind of exam, e.g. CT), not_head (another part of the body), error.';
COMMENT ON COLUMN studies.normal IS 'Whether the whole report was understood and nothing is present, neither on a sequence nor general; null where the report was not read.';
COMMENT ON COLUMN studies.findings IS 'How many findings on sequences are present.';
COMMENT ON COLUMN studies.negatives IS 'How many explicit negatives there are.';
COMMENT ON COLUMN studies.general IS 'How many changes that belong to no sequence.';
COMMENT ON COLUMN studies.to_review IS 'How many of its passages a person should look at.';
COMMENT ON COLUMN studies.run_id IS 'The run that read it.';

CREATE OR REPLACE VIEW statements AS
WITH stated AS (
    SELECT report_id, modality, min(position) AS position,
           concat('在', side, site, '表现为',
                  CASE WHEN regexp_full_match(morphology, '[一-龥]+[状样形性]')
                            AND NOT (signal = '强化' AND morphology LIKE '%环形') THEN morphology END,
                  signal, CASE WHEN modality <> 'T1CE' THEN '信号' END) AS statement
    FROM finding_rows WHERE present AND site <> '未列部位' AND run_id = (SELECT run_id FROM newest_run)
    GROUP BY ALL
), not_normal AS (
    SELECT report_id FROM finding_rows WHERE present AND run_id = (SELECT run_id FROM newest_run)
    UNION SELECT report_id FROM general_finding_rows WHERE run_id = (SELECT run_id FROM newest_run)
    UNION SELECT report_id FROM review_rows WHERE reason = 'uncited' AND run_id = (SELECT run_id FROM newest_run)
)
SELECT report_id, modality, string_agg(statement, '，' ORDER BY position) AS text, false AS normal,
       (SELECT run_id FROM newest_run) AS run_id
FROM stated GROUP BY report_id, modality
UNION ALL
SELECT report_id, unnest(['T1', 'T2', 'FLAIR', 'DWI', 'ADC', 'T1CE', 'SWI']),
       '头颅形态、大小未见异常。脑实质未见异常信号影，所见脑室形态及脑沟裂池未见异常扩张或变窄，中线结构未见移位。', true, run_id
FROM extractions
WHERE status = 'ok' AND run_id = (SELECT run_id FROM newest_run) AND report_id NOT IN (FROM not_normal);
COMMENT ON VIEW statements IS 'The canonical text of each sequence of a study, of the newest complete run. An abnormal study has rows only for the sequences that it has findings on at sites of the vocabulary; a study without findings whose report was not all understood has none.';
COMMENT ON COLUMN statements.report_id IS 'The report of the study.';
COMMENT ON COLUMN statements.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN statements.text IS 'Its findings as 在{side}{site}表现为{appearance} joined by ，, or the fixed text of a normal study.';
COMMENT ON COLUMN statements.normal IS 'Whether the study is normal, as in studies.';
COMMENT ON COLUMN statements.run_id IS 'The run that it was extracted in.';
COMMENT ON COLUMN pairs.normal IS 'Whether the study is normal, as in studies.';

ALTER TABLE sites ADD COLUMN added BOOLEAN DEFAULT false;
ALTER TABLE sites ADD COLUMN added_forms VARCHAR[] DEFAULT [];
COMMENT ON TABLE sites IS 'The controlled vocabulary of anatomy: the program''s, and what a vocabulary file added to it.';
COMMENT ON COLUMN sites.added IS 'Whether a vocabulary file added the site.';
COMMENT ON COLUMN sites.added_forms IS 'Those of surface_forms that a vocabulary file added.';

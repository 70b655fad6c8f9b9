-- Version 8. What a person has read counts at once, report by report; amended reports; patients, dates, further columns.

ALTER TABLE reports ADD COLUMN patient_id VARCHAR;
ALTER TABLE reports ADD COLUMN report_date TIMESTAMP;
ALTER TABLE reports ADD COLUMN impression VARCHAR;
ALTER TABLE reports ADD COLUMN kept JSON;
ALTER TABLE reports ADD COLUMN superseded BOOLEAN DEFAULT false;
ALTER TABLE reports ADD COLUMN checked_run INTEGER;
ALTER TABLE reports ADD COLUMN checked_by VARCHAR;
ALTER TABLE reports ADD COLUMN checked_at TIMESTAMP;
UPDATE reports SET checked_run = human.run_id, checked_by = 'human', checked_at = human.started_at
FROM (
    SELECT report_id, max(run_id) AS run_id, arg_max(started_at, run_id) AS started_at
    FROM extractions JOIN runs USING (run_id) WHERE extractor = 'human' GROUP BY report_id
) AS human WHERE reports.report_id = human.report_id;
COMMENT ON COLUMN reports.patient_id IS 'The patient''s or the stay''s number as the source file gives it, or its keyed hash where the database is de-identified; null where the file has none.';
COMMENT ON COLUMN reports.report_date IS 'When the exam or its report was made, as the source file gives it; only the month where the database is de-identified; null where the file gives none.';
COMMENT ON COLUMN reports.impression IS 'The impression (诊断意见), which is not read: from its own column, or what followed the findings in their cell; null where the file has none.';
COMMENT ON COLUMN reports.kept IS 'The further columns of the source file that --keep named, as an object: kept->>''性别''; null where none were named.';
COMMENT ON COLUMN reports.superseded IS 'Whether a later file gave another text under the same id: the views show the newer report alone.';
COMMENT ON COLUMN reports.checked_run IS 'The run that holds what a person has read in the report; null while nobody has corrected it.';
COMMENT ON COLUMN reports.checked_by IS 'The person, or human where the corrections name none; null while nobody has corrected it.';
COMMENT ON COLUMN reports.checked_at IS 'When these corrections were imported, in UTC; null while nobody has corrected it.';

ALTER TABLE review_rows ADD COLUMN alternatives JSON;
COMMENT ON COLUMN review_rows.alternatives IS 'What a reader stated of the passage and what is not among the findings: a list of findings, negatives and general changes as in the annotated format; null where there is nothing.';

CREATE OR REPLACE VIEW newest_run AS
SELECT run_id FROM runs WHERE last_finished_at IS NOT NULL AND extractor <> 'human'
ORDER BY last_finished_at DESC, run_id DESC LIMIT 1;
COMMENT ON VIEW newest_run IS 'The newest complete run of an extractor.';
COMMENT ON COLUMN newest_run.run_id IS 'The run; no row while none is complete.';

CREATE VIEW readings AS
SELECT report_id, run_id, coalesce(checked_by, extractor) AS reader, checked_run IS NOT NULL AS checked
FROM extractions JOIN runs USING (run_id) LEFT JOIN reports USING (report_id)
WHERE run_id = coalesce(checked_run, (SELECT run_id FROM newest_run)) AND superseded IS NOT TRUE;
COMMENT ON VIEW readings IS 'The reading of each report that counts, and that all other views show: a person''s where there is one, else that of the newest complete run. A superseded report has none.';
COMMENT ON COLUMN readings.report_id IS 'The report.';
COMMENT ON COLUMN readings.run_id IS 'The run whose reading counts for this report.';
COMMENT ON COLUMN readings.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN readings.checked IS 'Whether a person has read it.';

DROP VIEW findings_en;
DROP VIEW negatives;
DROP VIEW general_findings_en;

CREATE OR REPLACE VIEW findings AS
SELECT report_id, modality, side, site, site_text, signal, signal_class, present, morphology, count, size_mm, margin,
       lesion, certainty, evidence, evidence_start, evidence_end, spans(evidence_spans) AS evidence_spans, confidence,
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

CREATE VIEW negatives AS
SELECT report_id, modality, side, site, site_text, evidence, evidence_start, evidence_end, evidence_spans, confidence,
       agreed, reader, run_id
FROM findings WHERE NOT present;
COMMENT ON VIEW negatives IS 'What reports say is not there, of each report as it was read last.';
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
COMMENT ON COLUMN negatives.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN negatives.run_id IS 'The run that wrote the row.';

CREATE VIEW findings_en AS
SELECT report_id, modality, english(side) AS side, sites.english AS site, site_text, english(signal) AS signal,
       english(signal_class) AS signal_class, present, morphology, english(count) AS count, size_mm, margin, lesion,
       english(certainty) AS certainty, evidence, evidence_start, evidence_end, evidence_spans, confidence, agreed,
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

CREATE OR REPLACE VIEW general_findings AS
SELECT report_id, side, site, site_text, change, evidence, evidence_start, evidence_end,
       spans(evidence_spans) AS evidence_spans, reader, run_id
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
COMMENT ON COLUMN general_findings.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN general_findings.run_id IS 'The run that wrote the row.';

CREATE VIEW general_findings_en AS
SELECT report_id, english(side) AS side, sites.english AS site, site_text, english(change) AS change, evidence,
       evidence_start, evidence_end, evidence_spans, reader, run_id
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
COMMENT ON COLUMN general_findings_en.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN general_findings_en.run_id IS 'The run that wrote the row.';

CREATE OR REPLACE VIEW review AS
SELECT list_position(['failed', 'unlisted_site', 'disagreement', 'mended', 'low_confidence', 'uncited'], reason)::INTEGER
           AS priority,
       report_id, reason, passage, passage_start, passage_end, alternatives, run_id
FROM review_rows JOIN readings USING (report_id, run_id) WHERE NOT checked
ORDER BY priority, report_id, position;
COMMENT ON VIEW review IS 'What a person should look at, of the reports that nobody has checked, most urgent first.';
COMMENT ON COLUMN review.priority IS '1 is most urgent: failed, unlisted_site, disagreement, mended, low_confidence, uncited.';
COMMENT ON COLUMN review.report_id IS 'The report.';
COMMENT ON COLUMN review.reason IS 'failed (not read), uncited (words that no finding cites and that are not understood as normal), unlisted_site (a finding at a place that the vocabulary lacks), disagreement (two extractors differ), mended (a finding that rests on a word corrected by guess), low_confidence.';
COMMENT ON COLUMN review.passage IS 'The words of the report in question.';
COMMENT ON COLUMN review.passage_start IS 'Where they begin in the text, in characters from 0.';
COMMENT ON COLUMN review.passage_end IS 'Where they end: the first character after them.';
COMMENT ON COLUMN review.alternatives IS 'What a reader stated of the passage and what is not among the findings: a list of findings, negatives and general changes as in the annotated format; null where there is nothing.';
COMMENT ON COLUMN review.run_id IS 'The run that wrote the row.';

CREATE OR REPLACE VIEW studies AS
WITH found AS (
    SELECT report_id, run_id, count_if(present) AS findings, count_if(NOT present) AS negatives
    FROM finding_rows SEMI JOIN readings USING (report_id, run_id) GROUP BY ALL
), changed AS (
    SELECT report_id, run_id, count(*) AS general
    FROM general_finding_rows SEMI JOIN readings USING (report_id, run_id) GROUP BY ALL
), doubted AS (
    SELECT report_id, run_id, count_if(NOT checked) AS to_review, count_if(reason = 'uncited') AS uncited
    FROM review_rows JOIN readings USING (report_id, run_id) GROUP BY ALL
)
SELECT report_id, status,
       CASE WHEN status = 'ok' THEN coalesce(findings, 0) + coalesce(general, 0) + coalesce(uncited, 0) = 0 END AS normal,
       coalesce(findings, 0)::BIGINT AS findings, coalesce(negatives, 0)::BIGINT AS negatives,
       coalesce(general, 0)::BIGINT AS general, coalesce(to_review, 0)::BIGINT AS to_review, reader, run_id
FROM extractions JOIN readings USING (report_id, run_id) LEFT JOIN found USING (report_id, run_id)
     LEFT JOIN changed USING (report_id, run_id) LEFT JOIN doubted USING (report_id, run_id);
COMMENT ON VIEW studies IS 'Each report as it was read last: whether it is normal, and how much was found in it.';
COMMENT ON COLUMN studies.report_id IS 'The report.';
COMMENT ON COLUMN studies.status IS 'ok, incomplete (the reply did not end), invalid (the reply is not valid), too_long, empty (no text), not_chinese (no Chinese text), not_mri (another kind of exam, e.g. CT), not_head (another part of the body), error.';
COMMENT ON COLUMN studies.normal IS 'Whether the whole report was understood and nothing is present, neither on a sequence nor general; null where the report was not read.';
COMMENT ON COLUMN studies.findings IS 'How many findings on sequences are present.';
COMMENT ON COLUMN studies.negatives IS 'How many explicit negatives there are.';
COMMENT ON COLUMN studies.general IS 'How many changes that belong to no sequence.';
COMMENT ON COLUMN studies.to_review IS 'How many of its passages a person should look at.';
COMMENT ON COLUMN studies.reader IS 'Who read the report: the person who corrected it, or the extractor of the run.';
COMMENT ON COLUMN studies.run_id IS 'The run that read it.';

CREATE OR REPLACE VIEW statements AS
WITH stated AS (
    SELECT report_id, run_id, modality, min(position) AS position,
           concat('在', side, site, '表现为',
                  CASE WHEN regexp_full_match(morphology, '[一-龥]+[状样形性]')
                            AND NOT (signal = '强化' AND morphology LIKE '%环形') THEN morphology END,
                  signal, CASE WHEN modality <> 'T1CE' THEN '信号' END) AS statement
    FROM finding_rows SEMI JOIN readings USING (report_id, run_id) WHERE present AND site <> '未列部位'
    GROUP BY ALL
), not_normal AS (
    SELECT report_id, run_id FROM finding_rows WHERE present
    UNION SELECT report_id, run_id FROM general_finding_rows
    UNION SELECT report_id, run_id FROM review_rows WHERE reason = 'uncited'
)
SELECT report_id, modality, string_agg(statement, '，' ORDER BY position) AS text, false AS normal, run_id
FROM stated GROUP BY report_id, run_id, modality
UNION ALL
SELECT report_id, unnest(['T1', 'T2', 'FLAIR', 'DWI', 'ADC', 'T1CE', 'SWI']),
       '头颅形态、大小未见异常。脑实质未见异常信号影，所见脑室形态及脑沟裂池未见异常扩张或变窄，中线结构未见移位。', true, run_id
FROM extractions SEMI JOIN readings USING (report_id, run_id) ANTI JOIN not_normal USING (report_id, run_id)
WHERE status = 'ok';
COMMENT ON VIEW statements IS 'The canonical text of each sequence of a study, as its report was read last. An abnormal study has rows only for the sequences that it has findings on at sites of the vocabulary; a study without findings whose report was not all understood has none.';
COMMENT ON COLUMN statements.report_id IS 'The report of the study.';
COMMENT ON COLUMN statements.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN statements.text IS 'Its findings as 在{side}{site}表现为{appearance} joined by ，, or the fixed text of a normal study.';
COMMENT ON COLUMN statements.normal IS 'Whether the study is normal, as in studies.';
COMMENT ON COLUMN statements.run_id IS 'The run that it was extracted in.';

CREATE VIEW course AS
WITH visits AS (
    SELECT patient_id, report_id, report_date, studies.normal,
           lag(report_id) OVER visit AS earlier_report_id, lag(report_date) OVER visit AS earlier_date
    FROM studies JOIN reports USING (report_id)
    WHERE status = 'ok' AND patient_id IS NOT NULL AND report_date IS NOT NULL
    WINDOW visit AS (PARTITION BY patient_id ORDER BY report_date, ordinal)
), stated AS (
    SELECT report_id, modality, side, site, site_text, list_sort(list_distinct(list(signal))) AS signals,
           max(list_max(size_mm)) AS largest_mm
    FROM findings SEMI JOIN visits USING (report_id) WHERE present GROUP BY ALL
), earlier AS (
    SELECT visits.report_id, stated.* EXCLUDE (report_id)
    FROM visits JOIN stated ON stated.report_id = visits.earlier_report_id
), compared AS (
    SELECT coalesce(stated.report_id, earlier.report_id) AS report_id,
           coalesce(stated.modality, earlier.modality) AS modality,
           coalesce(stated.side, earlier.side) AS side, coalesce(stated.site, earlier.site) AS site,
           coalesce(stated.site_text, earlier.site_text) AS site_text,
           stated.signals, earlier.signals AS earlier_signals, stated.largest_mm, earlier.largest_mm AS earlier_mm
    FROM stated FULL JOIN earlier
      ON stated.report_id = earlier.report_id AND stated.modality = earlier.modality AND stated.site = earlier.site
     AND stated.side IS NOT DISTINCT FROM earlier.side AND stated.site_text IS NOT DISTINCT FROM earlier.site_text
), denied AS (
    SELECT DISTINCT report_id, modality, side, part AS site
    FROM negatives SEMI JOIN visits USING (report_id) JOIN site_parts ON whole = negatives.site
)
SELECT patient_id, report_date, report_id, modality, side, site, site_text,
       CASE WHEN earlier_report_id IS NULL THEN 'first'
            WHEN earlier_signals IS NULL THEN 'new'
            WHEN signals IS NULL AND (normal OR EXISTS (
                FROM denied
                WHERE denied.report_id = visits.report_id AND denied.modality = compared.modality
                  AND denied.site = compared.site
                  AND (denied.side IS NULL OR denied.side = '双侧' OR denied.side IS NOT DISTINCT FROM compared.side)
            )) THEN 'gone'
            WHEN signals IS NULL THEN 'not mentioned'
            WHEN largest_mm > earlier_mm THEN 'larger'
            WHEN largest_mm < earlier_mm THEN 'smaller'
            WHEN largest_mm = earlier_mm THEN 'unchanged'
            ELSE 'still present' END AS change,
       signals, earlier_signals, largest_mm, earlier_mm, earlier_date, earlier_report_id
FROM compared JOIN visits USING (report_id);
COMMENT ON VIEW course IS 'The findings of each patient over time: every report beside the one before it of the same patient_id, by sequence, side and site. Reports without patient_id or report_date are left out.';
COMMENT ON COLUMN course.patient_id IS 'The patient''s number, as in reports.';
COMMENT ON COLUMN course.report_date IS 'When the exam or its report was made.';
COMMENT ON COLUMN course.report_id IS 'The report.';
COMMENT ON COLUMN course.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN course.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN course.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN course.site_text IS 'The report''s words for a place that the vocabulary lacks; null unless the site is 未列部位.';
COMMENT ON COLUMN course.change IS 'first (there is no earlier report), new (the earlier report does not state it), gone (denied now, or the study is normal), not mentioned (this report says nothing of it), larger, smaller or unchanged (both state a size), still present (a size is missing).';
COMMENT ON COLUMN course.signals IS 'The signals that this report states; null where it states none there.';
COMMENT ON COLUMN course.earlier_signals IS 'Those of the earlier report; null where it states none there.';
COMMENT ON COLUMN course.largest_mm IS 'The largest dimension that this report states there, in millimetres.';
COMMENT ON COLUMN course.earlier_mm IS 'That of the earlier report.';
COMMENT ON COLUMN course.earlier_date IS 'The date of the earlier report.';
COMMENT ON COLUMN course.earlier_report_id IS 'The patient''s report before this one; null for the first.';

COMMENT ON TABLE finding_rows IS 'The findings and explicit negatives of all runs; the view findings shows those that count.';
COMMENT ON TABLE general_finding_rows IS 'The changes that belong to no sequence, of all runs; the view general_findings shows those that count.';
COMMENT ON TABLE review_rows IS 'What a person should look at, of all runs; the view review shows what counts.';

-- Version 3. Views in which a query reads like the question, and the values in English.

CREATE MACRO english(word) AS CASE word
    WHEN '左侧' THEN 'left' WHEN '右侧' THEN 'right' WHEN '双侧' THEN 'bilateral'
    WHEN '高' THEN 'hyperintense' WHEN '稍高' THEN 'slightly hyperintense' WHEN '等' THEN 'isointense'
    WHEN '稍低' THEN 'slightly hypointense' WHEN '低' THEN 'hypointense' WHEN '混杂' THEN 'mixed'
    WHEN '明显强化' THEN 'marked enhancement' WHEN '轻度强化' THEN 'mild enhancement'
    WHEN '均匀强化' THEN 'homogeneous enhancement' WHEN '不均匀强化' THEN 'heterogeneous enhancement'
    WHEN '环形强化' THEN 'ring enhancement' WHEN '强化' THEN 'enhancement'
    WHEN '单发' THEN 'single' WHEN '多发' THEN 'multiple' WHEN '散在' THEN 'scattered'
    WHEN '肯定' THEN 'definite' WHEN '可疑' THEN 'possible'
    WHEN '扩大' THEN 'enlargement' WHEN '变窄' THEN 'narrowing' WHEN '增宽' THEN 'widening' WHEN '变浅' THEN 'effacement'
    WHEN '萎缩' THEN 'atrophy' WHEN '肿胀' THEN 'swelling' WHEN '增厚' THEN 'thickening' WHEN '移位' THEN 'displacement'
    WHEN '受压' THEN 'compression' WHEN '积液' THEN 'fluid' WHEN '积气' THEN 'gas' WHEN '缺损' THEN 'defect'
    WHEN '占位' THEN 'mass' WHEN '狭窄' THEN 'stenosis' WHEN '闭塞' THEN 'occlusion' WHEN '扩张' THEN 'dilatation'
    WHEN '其他' THEN 'other'
END;
COMMENT ON MACRO english IS 'A side, signal, class, count, certainty or change in English; sites have theirs in the table sites.';

CREATE VIEW findings_en AS
SELECT report_id, modality, english(side) AS side, sites.english AS site, english(signal) AS signal,
       english(signal_class) AS signal_class, present, morphology, english(count) AS count, size_mm, margin, lesion,
       english(certainty) AS certainty, evidence, evidence_start, evidence_end, evidence_spans, confidence, agreed, run_id
FROM findings LEFT JOIN sites USING (site);
COMMENT ON VIEW findings_en IS 'The view findings with the values of its closed vocabularies in English; words quoted from the report stay as they are.';
COMMENT ON COLUMN findings_en.report_id IS 'The report.';
COMMENT ON COLUMN findings_en.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN findings_en.side IS 'left, right, bilateral, or null where none is said.';
COMMENT ON COLUMN findings_en.site IS 'Anatomical site, the column english of the table sites.';
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
COMMENT ON COLUMN findings_en.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules that it does not have, one minus that of its answer; null where only the rules read.';
COMMENT ON COLUMN findings_en.agreed IS 'Whether two readers found it independently; null where only one read.';
COMMENT ON COLUMN findings_en.run_id IS 'The run that wrote the row.';

CREATE VIEW general_findings_en AS
SELECT report_id, english(side) AS side, sites.english AS site, english(change) AS change, evidence, evidence_start,
       evidence_end, evidence_spans, run_id
FROM general_findings LEFT JOIN sites USING (site);
COMMENT ON VIEW general_findings_en IS 'The view general_findings with its values in English.';
COMMENT ON COLUMN general_findings_en.report_id IS 'The report.';
COMMENT ON COLUMN general_findings_en.side IS 'left, right, bilateral, or null where none is said.';
COMMENT ON COLUMN general_findings_en.site IS 'Anatomical site, the column english of the table sites.';
COMMENT ON COLUMN general_findings_en.change IS 'enlargement, narrowing, widening, effacement, atrophy, swelling, thickening, displacement, compression, fluid, gas, defect, mass, stenosis, occlusion, dilatation or other.';
COMMENT ON COLUMN general_findings_en.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN general_findings_en.evidence_start IS 'Where these words begin in the text, in characters from 0.';
COMMENT ON COLUMN general_findings_en.evidence_end IS 'Where these words end: the first character after them.';
COMMENT ON COLUMN general_findings_en.evidence_spans IS 'The characters of the text that say site, side, change or negation: role, start, end.';
COMMENT ON COLUMN general_findings_en.run_id IS 'The run that wrote the row.';

CREATE VIEW places AS
SELECT report_id, side, site,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'T1'), []))) AS T1,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'T2'), []))) AS T2,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'FLAIR'), []))) AS FLAIR,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'DWI'), []))) AS DWI,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'ADC'), []))) AS ADC,
       list_sort(list_distinct(coalesce(list(signal) FILTER (modality = 'T1CE'), []))) AS T1CE,
       list_sort(list_distinct(coalesce(list(signal_class) FILTER (modality = 'SWI'), []))) AS SWI,
       max(list_max(size_mm)) AS largest_mm, run_id
FROM findings WHERE present GROUP BY report_id, side, site, run_id;
COMMENT ON VIEW places IS 'What each sequence shows at one place of one report: a row for a site and side, with the classes of the signals found there.';
COMMENT ON COLUMN places.report_id IS 'The report.';
COMMENT ON COLUMN places.side IS '左侧, 右侧, 双侧, or null where none is said.';
COMMENT ON COLUMN places.site IS 'Anatomical site, a site of the table sites.';
COMMENT ON COLUMN places.T1 IS 'Signal classes on T1: 高, 等, 低, 混杂; empty where the report says nothing of T1 there.';
COMMENT ON COLUMN places.T2 IS 'Signal classes on T2.';
COMMENT ON COLUMN places.FLAIR IS 'Signal classes on FLAIR.';
COMMENT ON COLUMN places.DWI IS 'Signal classes on DWI.';
COMMENT ON COLUMN places.ADC IS 'Signal classes on ADC.';
COMMENT ON COLUMN places.T1CE IS 'Kinds of enhancement: 明显强化, 轻度强化, 均匀强化, 不均匀强化, 环形强化, 强化.';
COMMENT ON COLUMN places.SWI IS 'Signal classes on SWI.';
COMMENT ON COLUMN places.largest_mm IS 'The largest dimension stated of anything there, in millimetres; null where none is said.';
COMMENT ON COLUMN places.run_id IS 'The run that found it.';

CREATE VIEW site_parts AS
SELECT unnest(list_prepend(site, ancestors)) AS whole, site AS part FROM sites;
COMMENT ON VIEW site_parts IS 'Every site with each of its parts, at any depth, and with itself.';
COMMENT ON COLUMN site_parts.whole IS 'The site.';
COMMENT ON COLUMN site_parts.part IS 'A site inside it, or itself.';

CREATE VIEW studies AS
WITH run AS (SELECT run_id FROM newest_run),
found AS (
    SELECT report_id, count_if(present) AS findings, count_if(NOT present) AS negatives
    FROM finding_rows WHERE run_id = (FROM run) GROUP BY report_id
), changed AS (
    SELECT report_id, count(*) AS general FROM general_finding_rows WHERE run_id = (FROM run) GROUP BY report_id
), doubted AS (
    SELECT report_id, count(*) AS to_review FROM review_rows WHERE run_id = (FROM run) GROUP BY report_id
)
SELECT report_id, status, CASE WHEN status = 'ok' THEN coalesce(findings, 0) + coalesce(general, 0) = 0 END AS normal,
       coalesce(findings, 0)::BIGINT AS findings, coalesce(negatives, 0)::BIGINT AS negatives,
       coalesce(general, 0)::BIGINT AS general, coalesce(to_review, 0)::BIGINT AS to_review, run_id
FROM extractions LEFT JOIN found USING (report_id) LEFT JOIN changed USING (report_id)
     LEFT JOIN doubted USING (report_id)
WHERE run_id = (FROM run);
COMMENT ON VIEW studies IS 'Each report of the newest complete run: whether it is normal, and how much was found in it.';
COMMENT ON COLUMN studies.report_id IS 'The report.';
COMMENT ON COLUMN studies.status IS 'ok, incomplete (the reply did not end), invalid (the reply is not valid), too_long, empty (no text), error.';
COMMENT ON COLUMN studies.normal IS 'Whether nothing is present, neither on a sequence nor general; null where the report was not read.';
COMMENT ON COLUMN studies.findings IS 'How many findings on sequences are present.';
COMMENT ON COLUMN studies.negatives IS 'How many explicit negatives there are.';
COMMENT ON COLUMN studies.general IS 'How many changes that belong to no sequence.';
COMMENT ON COLUMN studies.to_review IS 'How many of its passages a person should look at.';
COMMENT ON COLUMN studies.run_id IS 'The run that read it.';

COMMENT ON COLUMN reports.text IS 'The findings text (影像所见): unchanged, or masked where the database is de-identified.';
COMMENT ON COLUMN reports.given_id IS 'The id as the source file gives it, or its keyed hash where the database is de-identified.';
COMMENT ON COLUMN finding_rows.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules that it does not have, one minus that of its answer; null where only the rules read.';
COMMENT ON COLUMN findings.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules that it does not have, one minus that of its answer; null where only the rules read.';

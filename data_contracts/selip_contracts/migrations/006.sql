-- Version 6. Extractor, excluded image, site: one word for one thing. The older names stay readable.

-- Made anew and not renamed: DuckDB adds no generated column to a table that is there.
ALTER TABLE runs RENAME TO runs_before;
CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY,
    fingerprint VARCHAR NOT NULL,
    extractor VARCHAR NOT NULL,
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
    reports_per_second DOUBLE,
    tokens_in BIGINT,
    tokens_cached BIGINT,
    tokens_out BIGINT,
    reader VARCHAR GENERATED ALWAYS AS (extractor) VIRTUAL
);
INSERT INTO runs BY NAME
SELECT * EXCLUDE (reader) REPLACE (sha256(configuration) AS fingerprint), reader AS extractor
FROM (SELECT * REPLACE (replace(configuration, '"reader": ', '"extractor": ') AS configuration) FROM runs_before);
DROP TABLE runs_before;
COMMENT ON TABLE runs IS 'A run: one configuration of the extraction. It may be interrupted and continued, and takes reports that are added later.';
COMMENT ON COLUMN runs.run_id IS 'The run''s number, from 1.';
COMMENT ON COLUMN runs.fingerprint IS 'SHA-256 of the configuration: the same configuration continues the same run.';
COMMENT ON COLUMN runs.extractor IS 'What read the reports, e.g. rules, model, both (the model and the rules), or human for imported corrections.';
COMMENT ON COLUMN runs.engine IS 'What ran the language model; null where there was none.';
COMMENT ON COLUMN runs.model_hash IS 'Hash of the language model''s weights; null where there was none.';
COMMENT ON COLUMN runs.adapter_hash IS 'Hash of the adapter on top of the model; null where there was none.';
COMMENT ON COLUMN runs.task_version IS 'Version of prompt and answer form; null without a language model.';
COMMENT ON COLUMN runs.grammar_version IS 'Version of the answer grammar; null without a language model.';
COMMENT ON COLUMN runs.schema_version IS 'Version of the finding schema and its vocabulary; null where it is not known.';
COMMENT ON COLUMN runs.code_version IS 'Version of the program.';
COMMENT ON COLUMN runs.seed IS 'Seed of the random numbers; null where none are drawn.';
COMMENT ON COLUMN runs.configuration IS 'The whole configuration, decoding settings included.';
COMMENT ON COLUMN runs.started_at IS 'When the run began, in UTC.';
COMMENT ON COLUMN runs.finished_at IS 'When it had first read every report of this file, in UTC; null while it has not.';
COMMENT ON COLUMN runs.last_finished_at IS 'When it last had read every report of this file, in UTC: the newest complete run has the latest time.';
COMMENT ON COLUMN runs.seconds IS 'Seconds spent reading reports, all sessions together.';
COMMENT ON COLUMN runs.reports_per_second IS 'Speed of the last session that read a report.';
COMMENT ON COLUMN runs.tokens_in IS 'Tokens of the prompts that the language model read, all sessions together; null without one.';
COMMENT ON COLUMN runs.tokens_cached IS 'Of tokens_in those that the engine took from its cache; null without one.';
COMMENT ON COLUMN runs.tokens_out IS 'Tokens of the answers that it wrote, all sessions together; null without one.';
COMMENT ON COLUMN runs.reader IS 'Older name of extractor, for queries written before version 6.';

ALTER TABLE images_set_aside RENAME TO excluded_images;
COMMENT ON TABLE images IS 'The volumes, at most one for each sequence of a study; everything else that was in the folder is in excluded_images.';
CREATE VIEW images_set_aside AS FROM excluded_images;
COMMENT ON VIEW images_set_aside IS 'Older name of excluded_images, for queries written before version 6.';
COMMENT ON COLUMN images_set_aside.image_id IS 'As in excluded_images.';
COMMENT ON COLUMN images_set_aside.study IS 'As in excluded_images.';
COMMENT ON COLUMN images_set_aside.description IS 'As in excluded_images.';
COMMENT ON COLUMN images_set_aside.reason IS 'As in excluded_images.';
COMMENT ON COLUMN images_set_aside.detail IS 'As in excluded_images.';
COMMENT ON COLUMN images_set_aside.scanned_at IS 'As in excluded_images.';

ALTER VIEW places RENAME TO signals_by_site;
COMMENT ON VIEW signals_by_site IS 'What each sequence shows at one site and side of one report: the classes of the signals found there.';
CREATE VIEW places AS FROM signals_by_site;
COMMENT ON VIEW places IS 'Older name of signals_by_site, for queries written before version 6.';
COMMENT ON COLUMN places.report_id IS 'As in signals_by_site.';
COMMENT ON COLUMN places.side IS 'As in signals_by_site.';
COMMENT ON COLUMN places.site IS 'As in signals_by_site.';
COMMENT ON COLUMN places.T1 IS 'As in signals_by_site.';
COMMENT ON COLUMN places.T2 IS 'As in signals_by_site.';
COMMENT ON COLUMN places.FLAIR IS 'As in signals_by_site.';
COMMENT ON COLUMN places.DWI IS 'As in signals_by_site.';
COMMENT ON COLUMN places.ADC IS 'As in signals_by_site.';
COMMENT ON COLUMN places.T1CE IS 'As in signals_by_site.';
COMMENT ON COLUMN places.SWI IS 'As in signals_by_site.';
COMMENT ON COLUMN places.largest_mm IS 'As in signals_by_site.';
COMMENT ON COLUMN places.run_id IS 'As in signals_by_site.';

DROP VIEW places_en;
CREATE VIEW signals_by_site_en AS
SELECT report_id, english(side) AS side, sites.english AS site,
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
COMMENT ON COLUMN signals_by_site_en.T1 IS 'Signal classes on T1: hyperintense, isointense, hypointense, mixed; empty where the report says nothing of T1 there.';
COMMENT ON COLUMN signals_by_site_en.T2 IS 'Signal classes on T2.';
COMMENT ON COLUMN signals_by_site_en.FLAIR IS 'Signal classes on FLAIR.';
COMMENT ON COLUMN signals_by_site_en.DWI IS 'Signal classes on DWI.';
COMMENT ON COLUMN signals_by_site_en.ADC IS 'Signal classes on ADC.';
COMMENT ON COLUMN signals_by_site_en.T1CE IS 'Kinds of enhancement: marked, mild, homogeneous, heterogeneous, ring enhancement, or enhancement.';
COMMENT ON COLUMN signals_by_site_en.SWI IS 'Signal classes on SWI.';
COMMENT ON COLUMN signals_by_site_en.largest_mm IS 'The largest dimension stated of anything there, in millimetres; null where none is said.';
COMMENT ON COLUMN signals_by_site_en.run_id IS 'The run that found it.';
CREATE VIEW places_en AS FROM signals_by_site_en;
COMMENT ON VIEW places_en IS 'Older name of signals_by_site_en, for queries written before version 6.';
COMMENT ON COLUMN places_en.report_id IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.side IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.site IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.T1 IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.T2 IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.FLAIR IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.DWI IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.ADC IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.T1CE IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.SWI IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.largest_mm IS 'As in signals_by_site_en.';
COMMENT ON COLUMN places_en.run_id IS 'As in signals_by_site_en.';

COMMENT ON COLUMN finding_rows.position IS 'Its number among the report''s findings, or among its negatives, from 1.';
COMMENT ON COLUMN general_finding_rows.position IS 'Its number among the report''s general findings, from 1.';
COMMENT ON COLUMN review_rows.position IS 'Its number among the report''s passages to review, from 1.';
COMMENT ON COLUMN review_rows.reason IS 'failed (not read), disagreement (two extractors differ), uncited (abnormal words that no finding cites), low_confidence.';
COMMENT ON COLUMN review.reason IS 'failed (not read), disagreement (two extractors differ), uncited (abnormal words that no finding cites), low_confidence.';
COMMENT ON COLUMN finding_rows.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN finding_rows.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules alone, one minus the probability of the model''s answer; null where only the rules read.';
COMMENT ON COLUMN findings.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN findings.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules alone, one minus the probability of the model''s answer; null where only the rules read.';
COMMENT ON COLUMN findings_en.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN findings_en.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules alone, one minus the probability of the model''s answer; null where only the rules read.';
COMMENT ON COLUMN negatives.agreed IS 'Whether two extractors found it independently; null where only one read.';
COMMENT ON COLUMN negatives.confidence IS 'The model''s probability of the tokens that say this finding, 0 to 1; for a finding of the rules alone, one minus the probability of the model''s answer; null where only the rules read.';
COMMENT ON TABLE splits IS 'The split of each patient, which never changes.';

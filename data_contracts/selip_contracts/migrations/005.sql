-- Version 5. What is quoted of the reports, most of the file, is compressed many rows at once: neighbours quote the same words.

ALTER TABLE finding_rows ADD COLUMN words VARCHAR USING COMPRESSION zstd;
ALTER TABLE finding_rows ADD COLUMN places VARCHAR USING COMPRESSION zstd;
UPDATE finding_rows SET words = evidence, places = evidence_spans;
ALTER TABLE finding_rows DROP COLUMN evidence;
ALTER TABLE finding_rows DROP COLUMN evidence_spans;
ALTER TABLE finding_rows RENAME COLUMN words TO evidence;
ALTER TABLE finding_rows RENAME COLUMN places TO evidence_spans;
COMMENT ON COLUMN finding_rows.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN finding_rows.evidence_spans IS 'The characters of the text that say site, side, sequence, signal or negation, as role:start-end with blanks between; spans(evidence_spans) makes it a list.';

ALTER TABLE general_finding_rows ADD COLUMN words VARCHAR USING COMPRESSION zstd;
ALTER TABLE general_finding_rows ADD COLUMN places VARCHAR USING COMPRESSION zstd;
UPDATE general_finding_rows SET words = evidence, places = evidence_spans;
ALTER TABLE general_finding_rows DROP COLUMN evidence;
ALTER TABLE general_finding_rows DROP COLUMN evidence_spans;
ALTER TABLE general_finding_rows RENAME COLUMN words TO evidence;
ALTER TABLE general_finding_rows RENAME COLUMN places TO evidence_spans;
COMMENT ON COLUMN general_finding_rows.evidence IS 'The words of the report that it rests on.';
COMMENT ON COLUMN general_finding_rows.evidence_spans IS 'The characters of the text that say site, side, change or negation, as role:start-end with blanks between; spans(evidence_spans) makes it a list.';

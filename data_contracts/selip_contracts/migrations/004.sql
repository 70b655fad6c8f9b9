-- Version 4. Stage two: images, what was set aside of them, splits and results (nothing wrote the older tables yet); the view places in English.

DROP VIEW pairs;
DROP TABLE images;
DROP TABLE results;

CREATE TABLE images (
    image_id VARCHAR NOT NULL PRIMARY KEY,
    study VARCHAR NOT NULL,
    report_id VARCHAR,
    patient_id VARCHAR NOT NULL,
    modality VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    files VARCHAR[] NOT NULL,
    shape INTEGER[] NOT NULL,
    spacing_mm DOUBLE[] NOT NULL,
    orientation VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    description VARCHAR,
    rule VARCHAR NOT NULL,
    scanned_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE images IS 'The volumes, at most one for a sequence of a study; what else was in the folder stands in images_set_aside.';
COMMENT ON COLUMN images.image_id IS 'The volume: its path below the scanned folder for NIfTI, its series UID for DICOM (with the b-value where a series holds several).';
COMMENT ON COLUMN images.study IS 'What the files call the study: folder name or accession number.';
COMMENT ON COLUMN images.report_id IS 'The report of the study; null where the database has none.';
COMMENT ON COLUMN images.patient_id IS 'The patient, for splits that keep a patient together; the study where no patient is known.';
COMMENT ON COLUMN images.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN images.source IS 'nifti or dicom.';
COMMENT ON COLUMN images.files IS 'The file, or the files of a DICOM series in the order of their slices.';
COMMENT ON COLUMN images.shape IS 'Voxels along the three axes of the file.';
COMMENT ON COLUMN images.spacing_mm IS 'Millimetres from voxel to voxel along the three axes.';
COMMENT ON COLUMN images.orientation IS 'Where the three axes of the file point, e.g. RAS: to the right, to the front, upwards.';
COMMENT ON COLUMN images.content_hash IS 'Hash of the bytes of its files.';
COMMENT ON COLUMN images.description IS 'Series description of DICOM, or the file name.';
COMMENT ON COLUMN images.rule IS 'Name of the rule that recognised the sequence.';
COMMENT ON COLUMN images.scanned_at IS 'When it was scanned, in UTC.';

CREATE TABLE images_set_aside (
    image_id VARCHAR NOT NULL PRIMARY KEY,
    study VARCHAR NOT NULL,
    description VARCHAR,
    reason VARCHAR NOT NULL,
    detail VARCHAR,
    scanned_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE images_set_aside IS 'Volumes and files that are not used, each with the reason.';
COMMENT ON COLUMN images_set_aside.image_id IS 'The volume or file, as in images.';
COMMENT ON COLUMN images_set_aside.study IS 'What the files call the study.';
COMMENT ON COLUMN images_set_aside.description IS 'Series description of DICOM, or the file name.';
COMMENT ON COLUMN images_set_aside.reason IS 'unrecognised, localizer, angiography, reformat, other_sequence, second_series, damaged, not_3d, not_finite or missing_slice.';
COMMENT ON COLUMN images_set_aside.detail IS 'What exactly was seen.';
COMMENT ON COLUMN images_set_aside.scanned_at IS 'When it was scanned, in UTC.';

CREATE TABLE splits (
    patient_id VARCHAR NOT NULL PRIMARY KEY,
    split VARCHAR NOT NULL,
    assigned_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE splits IS 'The part of the data that each patient belongs to; a patient never changes it.';
COMMENT ON COLUMN splits.patient_id IS 'The patient, as in images.';
COMMENT ON COLUMN splits.split IS 'train, validation or test.';
COMMENT ON COLUMN splits.assigned_at IS 'When it was assigned, in UTC.';

CREATE VIEW pairs AS
SELECT images.image_id, images.report_id, images.patient_id, images.modality, statements.text, statements.normal,
       splits.split, images.source, images.files, images.content_hash, statements.run_id
FROM images JOIN statements USING (report_id, modality) LEFT JOIN splits USING (patient_id);
COMMENT ON VIEW pairs IS 'A volume with the canonical text of its own sequence.';
COMMENT ON COLUMN pairs.image_id IS 'The volume.';
COMMENT ON COLUMN pairs.report_id IS 'The report of the study.';
COMMENT ON COLUMN pairs.patient_id IS 'The patient.';
COMMENT ON COLUMN pairs.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN pairs.text IS 'The text of that sequence.';
COMMENT ON COLUMN pairs.normal IS 'Whether the study has no finding at all.';
COMMENT ON COLUMN pairs.split IS 'train, validation or test; null where none is assigned yet.';
COMMENT ON COLUMN pairs.source IS 'nifti or dicom.';
COMMENT ON COLUMN pairs.files IS 'The file, or the files of a DICOM series in the order of their slices.';
COMMENT ON COLUMN pairs.content_hash IS 'Hash of the bytes of its files.';
COMMENT ON COLUMN pairs.run_id IS 'The run that the text was extracted in.';

CREATE TABLE results (
    task VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE,
    low DOUBLE,
    high DOUBLE,
    n BIGINT NOT NULL,
    configuration JSON NOT NULL,
    computed_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE results IS 'Figures of the downstream tasks with their intervals; a new computation adds rows.';
COMMENT ON COLUMN results.task IS 'What was measured, e.g. retrieval, zero-shot, classification, segmentation, explanation.';
COMMENT ON COLUMN results.model IS 'Which checkpoint or method was measured.';
COMMENT ON COLUMN results.split IS 'The part of the data that it was measured on.';
COMMENT ON COLUMN results.metric IS 'The figure''s name.';
COMMENT ON COLUMN results.value IS 'The figure; null where it is not defined on these data.';
COMMENT ON COLUMN results.low IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN results.high IS 'Upper end of its 95 % interval.';
COMMENT ON COLUMN results.n IS 'How many cases (volumes, texts or patients) it rests on.';
COMMENT ON COLUMN results.configuration IS 'The whole configuration of the computation: gallery, seed, share of labels and so on.';
COMMENT ON COLUMN results.computed_at IS 'When it was computed, in UTC.';

CREATE VIEW places_en AS
SELECT report_id, english(side) AS side, sites.english AS site,
       list_sort([english(word) FOR word IN T1]) AS T1,
       list_sort([english(word) FOR word IN T2]) AS T2,
       list_sort([english(word) FOR word IN FLAIR]) AS FLAIR,
       list_sort([english(word) FOR word IN DWI]) AS DWI,
       list_sort([english(word) FOR word IN ADC]) AS ADC,
       list_sort([english(word) FOR word IN T1CE]) AS T1CE,
       list_sort([english(word) FOR word IN SWI]) AS SWI,
       largest_mm, run_id
FROM places LEFT JOIN sites USING (site);
COMMENT ON VIEW places_en IS 'The view places with its values in English.';
COMMENT ON COLUMN places_en.report_id IS 'The report.';
COMMENT ON COLUMN places_en.side IS 'left, right, bilateral, or null where none is said.';
COMMENT ON COLUMN places_en.site IS 'Anatomical site, the column english of the table sites.';
COMMENT ON COLUMN places_en.T1 IS 'Signal classes on T1: hyperintense, isointense, hypointense, mixed; empty where the report says nothing of T1 there.';
COMMENT ON COLUMN places_en.T2 IS 'Signal classes on T2.';
COMMENT ON COLUMN places_en.FLAIR IS 'Signal classes on FLAIR.';
COMMENT ON COLUMN places_en.DWI IS 'Signal classes on DWI.';
COMMENT ON COLUMN places_en.ADC IS 'Signal classes on ADC.';
COMMENT ON COLUMN places_en.T1CE IS 'Kinds of enhancement: marked, mild, homogeneous, heterogeneous, ring enhancement, or enhancement.';
COMMENT ON COLUMN places_en.SWI IS 'Signal classes on SWI.';
COMMENT ON COLUMN places_en.largest_mm IS 'The largest dimension stated of anything there, in millimetres; null where none is said.';
COMMENT ON COLUMN places_en.run_id IS 'The run that found it.';

-- Version 9. A volume may be some frames of a DICOM file; images that are not MRI have a reason of their own.

ALTER TABLE images ADD COLUMN frames INTEGER[];
COMMENT ON COLUMN images.frames IS 'The frames of a DICOM file that are the volume, from 0 and counted through all files; null for all of them.';
COMMENT ON COLUMN excluded_images.reason IS 'unrecognised, other_modality, localizer, angiography, reformat, other_sequence, second_series, several_patients, damaged, not_3d, not_finite or missing_slice.';

CREATE OR REPLACE VIEW pairs AS
SELECT images.image_id, images.report_id, images.patient_id, images.modality, statements.text, statements.normal,
       splits.split, images.source, images.files, images.frames, images.content_hash, statements.run_id
FROM images JOIN statements USING (report_id, modality) LEFT JOIN splits USING (patient_id);
COMMENT ON VIEW pairs IS 'A volume with the canonical text of its own sequence.';
COMMENT ON COLUMN pairs.image_id IS 'The volume.';
COMMENT ON COLUMN pairs.report_id IS 'The report of the study.';
COMMENT ON COLUMN pairs.patient_id IS 'The patient.';
COMMENT ON COLUMN pairs.modality IS 'Sequence: T1, T2, FLAIR, DWI, ADC, T1CE (with contrast) or SWI.';
COMMENT ON COLUMN pairs.text IS 'The text of that sequence.';
COMMENT ON COLUMN pairs.normal IS 'Whether the study is normal, as in studies.';
COMMENT ON COLUMN pairs.split IS 'train, validation or test; null where none is assigned yet.';
COMMENT ON COLUMN pairs.source IS 'nifti or dicom.';
COMMENT ON COLUMN pairs.files IS 'The file, or the files of a DICOM series in the order of their slices.';
COMMENT ON COLUMN pairs.frames IS 'The frames of a DICOM file that are the volume, as in images.';
COMMENT ON COLUMN pairs.content_hash IS 'Hash of the bytes of its files.';
COMMENT ON COLUMN pairs.run_id IS 'The run that the text was extracted in.';

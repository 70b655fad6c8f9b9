-- Version 12. What the confidence of a finding is, since rules and model are combined by learnt weights; a NIfTI file may
-- hold several volumes.

COMMENT ON COLUMN finding_rows.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; where the model alone read, its own probability; null where only the rules read.';
COMMENT ON COLUMN findings.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; where the model alone read, its own probability; null where only the rules read.';
COMMENT ON COLUMN findings_en.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; where the model alone read, its own probability; null where only the rules read.';
COMMENT ON COLUMN negatives.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; where the model alone read, its own probability; null where only the rules read.';
COMMENT ON COLUMN images.frames IS 'The frames of a DICOM file that are the volume, from 0 and counted through all files; null for all of them. Of a four-dimensional NIfTI file its one volume.';

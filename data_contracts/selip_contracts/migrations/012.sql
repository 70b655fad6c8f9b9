-- Version 12. What the confidence of a finding is, since rules and model are combined by learnt weights.

COMMENT ON COLUMN finding_rows.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; where the model alone read, its own probability; null where only the rules read.';
COMMENT ON COLUMN findings.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; where the model alone read, its own probability; null where only the rules read.';
COMMENT ON COLUMN findings_en.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; where the model alone read, its own probability; null where only the rules read.';
COMMENT ON COLUMN negatives.confidence IS 'The probability that it is right, from 0 to 1, as the combination of rules and model has it; where the model alone read, its own probability; null where only the rules read.';

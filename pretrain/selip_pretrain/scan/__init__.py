"""What a folder of images holds: series, sequences, and the reports they belong to."""

"""The seam between the pipeline and what reads a report, and the extractors behind it."""

"""The generator of pseudo-reports with their truth."""

"""The default second reader: a small network that tags the characters of a report and links values to sites."""

"""The rule reader: one pass over the tokens of a report."""

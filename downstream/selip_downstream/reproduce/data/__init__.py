"""The cohort and databases of a reproduction."""

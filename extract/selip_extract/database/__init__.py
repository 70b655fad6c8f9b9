"""All SQL: reading and writing the findings database."""

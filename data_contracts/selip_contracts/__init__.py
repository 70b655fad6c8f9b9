"""What the stages agree on: anatomy, findings, statements, the tables of the database."""

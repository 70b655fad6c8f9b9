"""Self-contained HTML pages of tables and pictures."""

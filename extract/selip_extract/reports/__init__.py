"""Tables of reports: rows, columns, one report after another."""

"""How a table of reports gets in: encoding, rows, columns, one report after another."""

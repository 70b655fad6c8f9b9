"""A study written as findings text, with the facts that the text states."""

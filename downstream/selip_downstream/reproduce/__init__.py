"""The paper's whole argument from nothing: which steps it has, how they run, and the page at its end."""

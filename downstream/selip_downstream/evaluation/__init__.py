"""How a model is measured: protocol, bootstrap intervals, comparison, stored results."""

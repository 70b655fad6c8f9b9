"""The page of a reproduction: results of its steps, conclusions, conditions."""

"""Stage one: from reports to cited findings."""

"""One series as a preprocessed volume, cached and never stale."""

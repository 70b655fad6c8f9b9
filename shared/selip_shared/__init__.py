"""Code without a domain: errors, files, processes, progress, provenance."""

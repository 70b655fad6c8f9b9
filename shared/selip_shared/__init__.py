"""What has no domain: errors, files, progress, provenance."""

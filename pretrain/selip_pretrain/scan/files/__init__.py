"""The files of a scanned folder, and what earlier scans found in them."""

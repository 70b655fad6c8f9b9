"""What the stages are measured by: not written yet."""

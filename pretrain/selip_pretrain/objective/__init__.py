"""Similarity of findings, soft targets, and the loss."""

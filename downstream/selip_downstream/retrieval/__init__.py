"""Texts found by an image, and images by a text."""

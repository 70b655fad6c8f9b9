"""Lesions referred to by labels, size, order and side."""

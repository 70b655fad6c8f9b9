"""Pairs of a volume and its text: splits, augmentation, batches."""

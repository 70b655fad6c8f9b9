"""Labelled images: BraTS, tables of labels, the pairs of a split."""

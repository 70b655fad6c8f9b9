"""Tumour segmentation from a pretrained encoder."""

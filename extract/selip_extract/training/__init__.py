"""Finetuning on pseudo-reports and annotated reports, and the training of the default model."""

"""Phantom studies: annotated reports rendered as multi-sequence volumes on the MNI152 anatomy, with their truth."""

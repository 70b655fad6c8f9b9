"""The landmarks of the anatomy: regions in which the lesions of a site may be."""

import numpy as np

LANDMARKS = (
    "brain", "white", "ventricle", "sulci", "csf", "subarachnoid", "subdural", "dura", "falcine", "skull", "scalp",
    "face", "head", "periventricular", "subcortical", "intracranial",
)  # fmt: skip
"""The bits of `Anatomy.landmarks`, lowest first."""
BIT = {name: np.uint16(1 << number) for number, name in enumerate(LANDMARKS)}

"""Intensities of tissues and lesions on each sequence: 0 is black, 1 the brightest tissue of a usual image."""

from selip_contracts.vocabulary import Enhancement, Modality, Signal

TISSUES = ("csf", "grey", "white", "bone", "fat", "soft", "blood", "mucosa")
TISSUE_LEVELS: dict[Modality, tuple[float, ...]] = {
    # csf, grey, white, bone, fat, soft, blood, mucosa
    "T1": (0.16, 0.50, 0.72, 0.06, 1.00, 0.38, 0.15, 0.45),
    "T2": (1.00, 0.54, 0.38, 0.05, 0.72, 0.24, 0.08, 0.75),
    "FLAIR": (0.08, 0.52, 0.42, 0.05, 0.62, 0.28, 0.08, 0.62),
    "DWI": (0.13, 0.42, 0.36, 0.02, 0.08, 0.12, 0.05, 0.20),
    "ADC": (1.00, 0.34, 0.31, 0.03, 0.05, 0.25, 0.10, 0.55),
    "T1CE": (0.16, 0.53, 0.72, 0.06, 1.00, 0.50, 1.15, 0.95),
    "SWI": (0.72, 0.58, 0.50, 0.03, 0.45, 0.32, 0.04, 0.40),
}

_T1_LEVELS: dict[Signal | Enhancement, float] = {
    "高": 1.00, "稍高": 0.86, "等": 0.60, "稍低": 0.36, "低": 0.20, "混杂": 0.55,
}  # fmt: skip
SIGNAL_LEVELS: dict[Modality, dict[Signal | Enhancement, float]] = {
    "T1": _T1_LEVELS,
    "T2": {"高": 0.95, "稍高": 0.74, "等": 0.46, "稍低": 0.24, "低": 0.10, "混杂": 0.50},
    "FLAIR": {"高": 0.95, "稍高": 0.74, "等": 0.47, "稍低": 0.24, "低": 0.10, "混杂": 0.50},
    "DWI": {"高": 1.00, "稍高": 0.70, "等": 0.39, "稍低": 0.20, "低": 0.08, "混杂": 0.45},
    "ADC": {"高": 0.82, "稍高": 0.56, "等": 0.32, "稍低": 0.17, "低": 0.06, "混杂": 0.38},
    "T1CE": _T1_LEVELS
    | {"明显强化": 1.20, "轻度强化": 0.84, "均匀强化": 1.02, "不均匀强化": 0.90, "环形强化": 1.15, "强化": 1.00},
    "SWI": {"高": 0.95, "稍高": 0.76, "等": 0.54, "稍低": 0.26, "低": 0.06, "混杂": 0.48},
}
"""By signal; 等 is the intensity of the brain, and changes nothing within it."""
RING_CORE_LEVEL = 0.25

COMPANION: dict[Modality, Modality] = {"T2": "FLAIR", "FLAIR": "T2", "T1CE": "T1"}
"""A sequence that the report does not mention shows the lesion faintly as this one does; any other, not at all."""
COMPANION_SHARE = 0.35

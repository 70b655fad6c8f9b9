"""Where a reproduction differs from the paper and from the program that its authors published."""

DATA = "10,825 studies of one hospital; 17,529 pairs of image and text to train on, 3,079 to test on"
SETTINGS = {"norm": "batch", "target": "selip", "clamp": 1e-3}
"""The paper's settings where our default differs."""

METHOD = (
    (
        "Similarity of two texts",
        "mean over all pairs of findings: texts of 2, 3, 4 findings are similar to themselves by 0.56, 0.42, 0.34",
        "SeLIP is that formula; best-match takes for each finding the most similar one of the other text",
        "with a mean over all pairs a text of several findings is dissimilar to itself, while the diagonal is set to 1",
    ),
    (
        "Soft targets of best-match",
        "similarities, unchanged",
        "raised to the sharpness in the table of trainings",
        "unchanged, most of a target's weight is on texts that share only a kind of signal",
    ),
    (
        "Divergence of the soft targets",
        "probabilities clamped at 0.001",
        "from the logits, without clamp",
        "the clamp removes the gradient of nearly all negatives and adds mass to the rows of normal texts",
    ),
    (
        "Temperature",
        "a parameter that is not passed to the optimizer",
        "learnt with the other parameters, between 1 and 100",
        "in the formula it is learnt",
    ),
    (
        "Gradients in half precision",
        "clipped before they are unscaled; the scaler is not kept",
        "clipped after; the scaler is in the checkpoint",
        "otherwise the limit has no effect, and a resumed training differs",
    ),
    (
        "Mirrored images",
        "sides in the text swapped whatever the axis",
        "mirrored only from left to right, with the sides in the text swapped",
        "a head mirrored along another axis keeps left and right",
    ),
    (
        "Sequence of the image",
        "an unused embedding",
        "input of the encoder",
        "one encoder sees all sequences",
    ),
    (
        "Choice of the best epoch",
        "by the test split",
        "by a validation split of other patients",
        "otherwise the test figures are selected, not measured",
    ),
    (
        "Figures",
        "single numbers",
        "means over trainings of several seeds, 95 % intervals over patients and trainings, paired differences",
        "without them a difference cannot be distinguished from chance",
    ),
    (
        "Segmentation",
        "results, but no program",
        "a U-Net around the encoder, the same for all models",
        "the paper's network is not known in detail",
    ),
    (
        "Checkpoints",
        "a pickled module",
        "safetensors and JSON",
        "loading a pickle can run any code",
    ),
)
"""Differences in method at every size: there, here, and why."""

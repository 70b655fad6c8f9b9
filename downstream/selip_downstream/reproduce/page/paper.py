"""The paper and the program that its authors published, as far as a reproduction does something else."""

DATA = "10,825 studies of one hospital; 17,529 pairs of image and text to train on, 3,079 to test on"
SETTINGS = {"norm": "batch", "target": "selip", "loss": "reference"}
"""Of the settings of a training whose default is not the paper's, the paper's."""

METHOD = (
    (
        "Similarity of two texts",
        "mean over all pairs of findings: texts of 2, 3, 4 findings are like themselves by 0.56, 0.42, 0.34",
        "SeLIP is that formula; best-match takes for each finding the most similar one of the other text",
        "by a mean over all pairs a text of several findings is unlike itself, while the diagonal is set to 1",
    ),
    (
        "Soft targets of best-match",
        "similarities as they are",
        "to the power that the table of trainings names",
        "as they are, most of a target's weight lies on texts that share no more than a kind of signal",
    ),
    (
        "Divergence of the soft targets",
        "probabilities clamped at 0.001",
        "from the logits, without a clamp",
        "the clamp takes the gradient from nearly all negatives and adds mass to the rows of normal texts",
    ),
    (
        "Temperature",
        "a parameter that no optimizer is given",
        "learnt with all else, between 1 and 100",
        "the formula has it learnt",
    ),
    (
        "Gradients in half precision",
        "clipped before they are unscaled; the scaler is not kept",
        "clipped after; the scaler is in the checkpoint",
        "else the limit means nothing, and a training that goes on is another one",
    ),
    (
        "Mirrored images",
        "sides in the text swapped whatever the axis",
        "mirrored from left to right alone, with the sides in the text swapped",
        "a head that is mirrored along another axis keeps its left and right",
    ),
    (
        "Sequence of the image",
        "an embedding that is never used",
        "given to the encoder",
        "one encoder sees all sequences",
    ),
    (
        "Choice of the best epoch",
        "by the test split",
        "by a validation split of other patients",
        "else the figures of the test split are chosen, not measured",
    ),
    (
        "Figures",
        "single numbers",
        "means over trainings of several seeds, 95 % intervals over patients and trainings, paired differences",
        "without them a lead cannot be told from chance",
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
        "a pickle runs whatever its writer wanted",
    ),
)
"""What is done in another way whatever the size: there, here, and why."""

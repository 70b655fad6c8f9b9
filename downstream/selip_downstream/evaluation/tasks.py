"""The metrics of each task that are shown, and what they are called."""

HEADING = "Each figure with its 95 % interval, over patients and trainings"

RETRIEVAL_METRICS = {
    "top-1 of equal text": "top 1",
    "top-5 of equal text": "top 5",
    "top-10 of equal text": "top 10",
    "mean rank of equal text": "mean rank",
    "nDCG@10": "nDCG, first 10",
    "site of first hit": "first hit: site",
    "side of first hit": "and side",
    "signal of first hit": "and signal",
}

CLASSIFICATION_METRICS = {
    "AUC": "AUC",
    "accuracy": "accuracy",
    "macro F1": "macro F1",
    "balanced accuracy": "balanced accuracy",
    "AUC of normal": "AUC: normal or not",
    "AUC of site": "AUC: site",
    "AUC of side": "AUC: side and site",
    "AUC of signal": "AUC: and signal",
}

SEGMENTATION_METRICS = {
    "Dice WT": "Dice, whole tumour",
    "Dice TC": "Dice, tumour core",
    "Dice ET": "Dice, enhancing tumour",
    "Dice": "Dice, mean of these",
    "HD95 WT": "HD95 in mm, whole tumour",
    "HD95 TC": "HD95 in mm, tumour core",
    "HD95 ET": "HD95 in mm, enhancing tumour",
}

"""What a pretrained encoder is worth: retrieval, classification, segmentation, explanation, each with its interval."""

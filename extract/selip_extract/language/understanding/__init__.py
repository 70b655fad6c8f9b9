"""What a text is as a whole: whether it is a head MRI, and which of its sentences were understood as normal."""

"""Studies of the annotated format drawn as multi-sequence volumes on the MNI152 anatomy, with the truth beside them."""

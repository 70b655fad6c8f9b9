"""Stage two, images: not written yet."""

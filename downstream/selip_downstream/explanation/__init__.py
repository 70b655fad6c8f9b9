"""Which part of an image a similarity rests on."""

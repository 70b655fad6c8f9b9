"""Annotated reports as examples for the tagger: labelled by the rules that read them rightly, and varied."""

"""The image and text encoders, and their registry."""

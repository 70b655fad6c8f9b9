"""The image-text model and its configuration."""

"""The training loop: steps, validation, checkpoints, several processes."""

"""How long work runs: worker processes, progress with the remaining time, stop signals."""

"""How good a run is: scores, calibration, comparison, overview."""

"""The claim on frozen features: many trainings of small networks, for narrow intervals."""

"""The training of the decoder with tiny settings, as a script of its own for torchrun: FOLDER STEPS."""

import sys
from pathlib import Path

from selip_extract.training import from_scratch, train_decoder

TINY = {
    "HIDDEN": 16, "LAYERS": 1, "HEADS": 2, "FEED_FORWARD": 32, "TOKENS_PER_BATCH": 256, "EXAMPLES_PER_CHUNK": 16,
    "HELD_OUT_EXAMPLES": 8,
}  # fmt: skip
SHORT = {"WARM_UP_STEPS": 3, "STEPS_BETWEEN_EVALUATIONS": 2}

if __name__ == "__main__":
    for name, value in TINY.items():
        setattr(train_decoder, name, value)
    for name, value in SHORT.items():
        setattr(from_scratch, name, value)
    train_decoder.train(Path(sys.argv[1]), int(sys.argv[2]), seed=1)

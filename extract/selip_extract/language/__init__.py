"""What the words of a report are: lexicon, tokens, laterality, evidence, the study they state."""

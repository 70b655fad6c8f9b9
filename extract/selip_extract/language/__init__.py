"""What the words of a report mean: lexicon, tokens, laterality, evidence, questions, studies."""

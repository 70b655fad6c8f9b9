"""Which lesions and sites a clause refers to: named, labelled, counted, pointed at, or introduced."""

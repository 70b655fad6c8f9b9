"""Constructions that the words around a token decide: mended text, unlisted sites, negation, sections, clauses."""

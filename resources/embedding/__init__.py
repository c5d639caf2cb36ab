"""Texts to vectors, computed once."""

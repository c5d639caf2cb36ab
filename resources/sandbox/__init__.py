"""Runs generated programs where they can do no harm. The only place where text of a model is executed."""

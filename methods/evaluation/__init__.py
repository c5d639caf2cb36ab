"""Evaluation of models on benchmarks: what a problem is, when an answer is right, what scores say.

Answers to benchmarks are measured and kept apart: nothing here makes a sample, and no dataset reads it.
"""

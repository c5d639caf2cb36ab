"""Benchmarks to evaluate models on: their files, and programs tried on their tests in the sandbox."""

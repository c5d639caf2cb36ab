"""Tree-of-Evolution (ACL 2025), a module per step: synthesis, judging, diversity, selection, collection.

The order of steps and their names follow method.md A.9. Nothing here asks a model: prompts are rendered and answers are
read, what lies between is the caller's.
"""

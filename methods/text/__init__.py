"""Texts as models read and write them: prompts, answers, ids, and what makes two words the same.

Plain functions; nothing here asks a model or knows a method.
"""

"""What users have registered: batches, trees, recipes, releases, what is banned, what was exported, who works on what.

It lies in the ledger's database, and its larger files in the lake, so that every machine sees the same. Nothing here
talks to a model.
"""

"""What users have registered: batches, trees, what is banned, and what was exported to where."""

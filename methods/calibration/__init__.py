"""How good a judge is: planted tasks of known order, and what a judge's readings of them say of it.

The tasks are data (`planted.yaml`). Who is asked, and by which prompt, is the caller's.
"""

"""The machine that evergrow runs on: its home folder, files, processes, interrupts and terminal.

Nothing here is shared between machines.
"""

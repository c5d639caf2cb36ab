"""Sensors: they start runs, and decide nothing that an asset or a gate should decide.

Each looks at the whole state (level-triggered) and may be repeated at any time: a run's key names its cause.
"""

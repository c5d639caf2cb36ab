"""Quality gates: suites of expectations as data, and the check that judges a table by its suite.

A gate decides nothing that is not written down here or in the settings as a threshold.
"""

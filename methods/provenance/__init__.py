"""Where a row comes from, as values, and the forms in which people and programs read it: a page, W3C PROV.

Nothing is looked up here: the flows find the steps, this folder says what a step is and how it is shown.
"""

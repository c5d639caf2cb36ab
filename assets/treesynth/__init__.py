"""TreeSynth's tables, one file each: levels, samples, routed and balanced datasets, converted stories.

Declarations only: the steps of the method are in `methods/treesynth`.
"""

"""From a sample to the answer that a trainer reads: what kind of task it is, the prompt, how the answer is read.

Nothing here judges whether an answer is right: that is `verification`.
"""

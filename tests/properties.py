"""How many examples a property is tried on."""

import hypothesis

USUAL = 100  # what hypothesis draws where nothing is said


def examples(count: int) -> int:
    """`count` in the suite, and in proportion more under a profile that draws more, as that of `make explore`."""
    return count * hypothesis.settings().max_examples // USUAL

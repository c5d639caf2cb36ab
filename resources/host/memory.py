"""What a process has loaded, kept out of the garbage collector's way."""

import gc
from functools import cache


@cache
def set_loaded_aside() -> None:
    """Let full collections pass over every object that there is now, once a process.

    Modules and definitions live until the end; walking through them again and again cost the growth of a tree about a
    tenth of its processor time.
    """
    gc.collect()
    gc.freeze()

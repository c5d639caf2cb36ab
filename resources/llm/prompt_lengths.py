"""Notices servers that cut prompts in silence: prompts of many lengths that all count the same few tokens."""

from dataclasses import dataclass, field

MOST_BYTES_PER_TOKEN = 8  # of text that is read whole; English has four, code and other scripts fewer
ENOUGH = 5
SPREAD = 1.2  # the longest of them is at least so many times as long as the shortest


@dataclass(slots=True)
class PromptLengths:
    """What an endpoint tells of the prompts that it should have read."""

    _sizes: dict[int, list[int]] = field(default_factory=dict)
    _said: bool = False

    def note(self, prompt_bytes: int, tokens_in: int | None) -> str:
        """Take in one reply; what to say once, when prompts turn out to be cut, else ""."""
        if self._said or tokens_in is None or tokens_in * MOST_BYTES_PER_TOKEN >= prompt_bytes:
            return ""
        sizes = self._sizes.setdefault(tokens_in, [])
        sizes.append(prompt_bytes)
        if len(sizes) < ENOUGH or max(sizes) < SPREAD * min(sizes):
            return ""
        self._said = True
        return (
            f"{len(sizes)} prompts of {min(sizes):,} to {max(sizes):,} bytes were told as {tokens_in:,} tokens each: "
            "it seems to cut them; raise the server's context length (Ollama: num_ctx or OLLAMA_CONTEXT_LENGTH)"
        )

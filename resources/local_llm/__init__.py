"""The small language model that ships along: llama.cpp's own OpenAI-compatible server, in a process of its own.

Here live the weights' whereabouts and check, the server's process, and its start and stop. Nothing here knows what the
model is asked.
"""

from evergrow.resources.local_llm.launch import ServerAddress, running
from evergrow.resources.local_llm.weights import LocalModelError

__all__ = ["LocalModelError", "ServerAddress", "running"]

"""What the server's process is told."""

from pathlib import Path

from pydantic import BaseModel


class ServerConfig(BaseModel):
    """One line of JSON on the server's standard input. `context` counts tokens of one slot."""

    gguf: Path
    model: str
    api_key: str
    slots: int
    context: int
    threads: int

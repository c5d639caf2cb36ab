"""What tells a reply that was damaged in the database from one that is as it came."""

import hashlib


def checksum(request_key: str, reply: str) -> str:
    """SHA-256 (hex) of a reply and of the request that it answers."""
    return hashlib.sha256(f"{request_key}\n{reply}".encode("utf-8", "surrogatepass")).hexdigest()

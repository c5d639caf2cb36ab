"""URLs as they may be shown and kept."""

from urllib.parse import urlsplit


def without_secrets(url: str) -> str:
    """A URL without user, password and query, which may hold secrets; a path stays as it is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

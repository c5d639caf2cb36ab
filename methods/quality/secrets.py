"""Keys and passwords in texts: shapes that their makers document and gitleaks (MIT licence) lists, and assignments.

Exercises are full of examples: a key that says so (`EXAMPLE`, `your-key`, `xxxx`), counts up, or has the entropy of
words is none.
"""

import re

from evergrow.methods.quality.patterns import TextShape, entropy

MIN_KEY_ENTROPY = 3.0  # bits a character: gitleaks' floor for keys with a prefix
MIN_PASSWORD_ENTROPY = 3.5  # its floor for assignments
MIN_PASSWORD_CHARS = 16

_EXAMPLE = re.compile(
    r"example|sample|dummy|fake|test|demo|your|my[_-]|replace|insert|change|placeholder|redacted|secret|passw|p@ss"
    r"|xxx|\.\.\.|\*\*\*|0000|1111|12345|abcdef|qwerty|foobar|eyJzdWIiOiIxMjM0NTY3ODkw",  # the last: jwt.io's example
    re.IGNORECASE,
)
_VALUE = re.compile(r"[\"'`]([^\"'`]*)[\"'`]?$")


def _is_key(part: str) -> bool:
    return not _EXAMPLE.search(part) and entropy(part) >= MIN_KEY_ENTROPY


def _is_private_key(part: str) -> bool:
    return entropy(part.rpartition("-----")[2]) >= MIN_KEY_ENTROPY


def _is_password(part: str) -> bool:
    value = _VALUE.search(part)
    return value is not None and _looks_drawn(value[1])


def _is_password_of_address(part: str) -> bool:
    return _looks_drawn(part.rpartition("@")[0].rpartition(":")[2])


def _looks_drawn(value: str) -> bool:
    """Digits amid letters, nothing of an example, and no word in it that repeats."""
    mixed = re.search(r"\d", value) and re.search(r"[a-z]", value, re.IGNORECASE)
    return bool(
        mixed
        and len(value) >= MIN_PASSWORD_CHARS
        and not _EXAMPLE.search(value)
        and entropy(value) >= MIN_PASSWORD_ENTROPY
    )


SHAPES = (
    TextShape("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", _is_key),
    TextShape("a GitHub token", r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{82})\b", _is_key),
    TextShape("a GitLab token", r"\bglpat-[\w-]{20}\b", _is_key),
    TextShape("an Anthropic key", r"\bsk-ant-[a-z]+\d\d-[\w-]{80,}", _is_key),
    TextShape("an OpenAI key", r"\bsk-(?:(?:proj|svcacct|admin)-[\w-]{40,}|[A-Za-z0-9]{40,})", _is_key),
    TextShape("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b", _is_key),
    TextShape("a Slack token", r"\bxox[abeoprs]-[0-9A-Za-z-]{20,}", _is_key),
    TextShape("a Slack webhook", r"hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{24}", _is_key),
    TextShape("a Google key", r"\bAIza[\w-]{35}\b", _is_key),
    TextShape("a Google client secret", r"\bGOCSPX-[\w-]{28}\b", _is_key),
    TextShape("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{20,}\b", _is_key),
    TextShape("a SendGrid key", r"\bSG\.[\w-]{22}\.[\w-]{43}\b", _is_key),
    TextShape("an npm token", r"\bnpm_[0-9A-Za-z]{36}\b", _is_key),
    TextShape("a JSON web token", r"\beyJ[\w-]{14,}\.eyJ[\w-]{14,}\.[\w-]{20,}", _is_key),
    TextShape(
        "a private key",
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|[\sA-Za-z0-9+/=\"']){100,400}",
        _is_private_key,
    ),
    TextShape(
        "a password",
        r"(?i)(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|api_?key|auth_?key|access_?key|private_?key)\w{0,20}"
        r"[\"'`]?\]?\s{0,4}(?::=|=>|[:=])\s{0,4}[rbu]?[\"'`][^\"'`\s]{16,128}[\"'`]",
        _is_password,
    ),
    TextShape(
        "a password in an address",
        r"\b[a-z][a-z0-9+]{1,20}://[^\s/:@]{1,64}:[^\s/:@]{16,128}@[\w.-]+",
        _is_password_of_address,
    ),
)

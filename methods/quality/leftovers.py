"""What models leave in texts that is no text: marks of thoughts, and of turns in a template of chats."""

import polars as pl

SHAPES = (
    (
        "a mark of thoughts",
        r"(?i)</?(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad|inner_monologue"
        r"|seed:think|antthinking)>"
        r"|\u25c1/?think\u25b7|\bassistantfinal\b|(?m:^analysis(?:We|The user|User|Need)\b)",
    ),
    (
        "a mark of a turn",
        r"<\|/?(?:im_start|im_end|im_sep|endoftext|startoftext|eot_id|eom_id|start_header_id|end_header_id"
        r"|begin_of_text|end_of_text"
        r"|channel|message|start|end|return|constrain|call|assistant|user|system|end_of_turn|python_tag"
        r"|endofprompt|eot|sep"
        r"|fim_\w+|tool_calls?_\w+|START_OF_TURN_TOKEN|END_OF_TURN_TOKEN|[A-Z_]{3,20}_TOKEN)\|>"
        r"|<\uff5c[^\uff5c<>\n]{1,40}\uff5c>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|\[/?(?:TOOL_CALLS"
        r"|AVAILABLE_TOOLS|SYSTEM_PROMPT)\]"
        r"|</s>\s*\z|\A\s*<s>|(?m:^<\|?(?:assistant|user|system)\|?>)",
    ),
)


def leftover_reasons(texts: pl.Series) -> pl.Series:
    """String (n,): `leftover: a mark of ...` for each text that holds one; else null."""
    frame = texts.to_frame("text")
    found = [pl.when(pl.col("text").str.contains(shape)).then(pl.lit(f"leftover: {name}")) for name, shape in SHAPES]
    return frame.select(pl.coalesce(found)).to_series()

"""Tells what a model thought from what it answered, whatever marks its family or its server puts around thoughts.

Every function takes time linear in the length of the text.
"""

import json
import re
from dataclasses import dataclass
from itertools import islice

MOST_QUOTED = 50  # marks of an end that are looked at: more of them are quoted, not meant
MOST_PREAMBLE = 60  # characters before the first thought that are no answer: "Sure." and the like

# Names of tags that hold thoughts wherever they stand, and such as count only where a text begins with one.
_ANYWHERE = (
    "think", "thinking", "thought", "thoughts", "seed:think", "antthinking", "ant_thinking", "thinking_process",
    "reasoning", "reasoning_content", "reasoning_process", "internal_monologue", "inner_monologue", "chain_of_thought",
    "think_process", "thought_process", "antml:thinking", "deepthink", "deep_think",
)  # fmt: skip
_LEADING = ("analysis", "reflection", "scratchpad", "reason", "plan", "planning", "cot", "deliberation", "rationale")
_NAMES = "|".join(map(re.escape, sorted((*_ANYWHERE, *_LEADING), key=len, reverse=True)))
# Pairs of marks that are no tags: what opens a thought, what ends it.
_MARKS = (
    (r"◁think▷", r"◁/think▷"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thinking\|>", r"<\|end_of_thinking\|>"),
    (r"<\|(?:think|thinking|thought|reasoning)\|>", r"<\|(?:/|end_?)(?:think|thinking|thought|reasoning)\|>"),
    (r"<\|(?:think|thinking|thought|reasoning)_start\|>", r"<\|(?:think|thinking|thought|reasoning)_end\|>"),
    (r"<unused94>(?:thought\b)?", r"<unused95>"),
    (r"<\|channel>thought\b", r"<channel\|>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"<\|im_start\|>think\b", r"<\|im_start\|>answer\b"),
    (r'<details\s+type="reasoning"[^<>]{0,200}>', r"</details>"),
)
_OPEN = "|".join([rf"<\s?(?P<tag>{_NAMES})(?:\s[^<>]{{0,200}})?>", *(opens for opens, _ in _MARKS)])
_CLOSE = "|".join([rf"<\s?/\s?(?P<end>{_NAMES})\s?>", *(closes for _, closes in _MARKS)])
_FENCE = r"^[ \t]{0,3}(?:```|~~~)"
_TOKENS = re.compile(rf"(?P<fence>{_FENCE})|(?P<close>{_CLOSE})|(?P<open>{_OPEN})", re.IGNORECASE | re.MULTILINE)
_HINT = re.compile(  # what no text without marks has: most texts need no further look
    r"</?\s?(?:[a-z]+[:_])?(?:ant|deep|inner|internal)?_?(?:think|thought|reason|analysis|reflection|scratchpad|plan|cot|"
    r"chain_of|deliberation|rationale|monologue)|\u25c1|\[/?THINK\]|<\||<unused9|<channel|<details|^\s*analysis|"
    r"assistant\s*final|process:?|</?s>|<end_of_turn>|<start_of|<eos>|<bos>|\[EOS\]|<turn|<\uff5c",
    re.IGNORECASE,
)
_HINTED = ("<", "\u25c1", "[think", "[/think", "[eos", "analysis", "assistant", "process")  # one is in every hint
_QUOTES = "`\"'“”\u2018\u2019«»"

_HARMONY = re.compile(r"<\|channel\|>\s*(\w+)[^<]{0,200}(?:<\|constrain\|>[^<]{0,50})?<\|message\|>")
_HARMONY_END = re.compile(r"<\|(?:end|return|call|start)\|>")
_STRIPPED = re.compile(r"assistant\s*(?:commentary.{0,200}?assistant\s*)?final(?:\s*json)?\s*(?=\S)", re.DOTALL)
_STRIPPED_START = re.compile(r"\s*analysis(?=[A-Z\"'\s])")
_GRANITE = re.compile(
    r"\s*(?:here(?: is|['\u2019]s) my (?:thought|thinking|reasoning) process:?)(.*?)"
    r"(?:here(?: is|['\u2019]s) my (?:response|answer):?)\s*",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_END_MARKS = (
    r"<\|(?:im_end|endoftext|eot_id|eom_id|end|end_of_text|endofturn|return|END_OF_TURN_TOKEN|end_of_turn|eos|"
    r"end_of_sentence|endofresponse|user|im_start|start_header_id|END_RESPONSE)\|>"
    r"|<\uff5c(?:end▁of▁sentence|User)\uff5c>|<end_of_turn>|<turn\|>|<eos>|\[EOS\]"
)
_END = re.compile(_END_MARKS)
_EOS_S = re.compile(r"(?:\s*</s>)+\s*$")
_START = re.compile(
    r"\s*(?:<\|im_start\|>\s*assistant\b|<\|start\|>assistant\b|<start_of_turn>model\b|<\|assistant\|>|<\uff5cAssistant\uff5c>|"
    r"<\|start_header_id\|>assistant<\|end_header_id\|>|<bos>|<\|begin_of_text\|>|<\|START_RESPONSE\|>)\s*"
)
_WRAPPERS = re.compile(
    r"\s*(?:<(?P<name>answer|response|output|final|final_answer|solution|result)>(?P<text>.*?)(?:</(?P=name)>|$)\s*$"
    r"|<\|(?:begin_of_solution|begin_of_box|START_RESPONSE)\|>(?P<marked>.*?)"
    r"(?:<\|(?:end_of_solution|end_of_box|END_RESPONSE)\|>|$)\s*$)",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a model said: `thoughts` ("" if none), and the answer; without the end of its thoughts there is no answer.

    `marked`: whether there were marks of thoughts, though perhaps with nothing between them.
    """

    thoughts: str
    text: str
    finished: bool = True
    marked: bool = False


def spoken(text: str) -> Spoken:
    """What of `text` is thought and what is answer.

    Marks within code or quotation marks are part of the answer; so is everything in a text that is JSON as it stands.
    Text between thoughts is kept, a preamble of at most `MOST_PREAMBLE` characters before the first is not.
    """
    folded = text.casefold()
    if not any(hint in folded for hint in _HINTED) or not _HINT.search(text) or _is_json(text):
        return Spoken("", text)
    found = _harmony(text) or _granite(text) or _tagged(text)
    if not found.finished:
        return found
    answer = _unmarked(found.text)
    if (found.thoughts or found.marked) and (wrapped := _WRAPPERS.match(answer)):
        answer = (wrapped["text"] if wrapped["text"] is not None else wrapped["marked"]).strip()
    elif (wrapped := _WRAPPERS.match(answer)) and wrapped["marked"] is not None:
        answer = wrapped["marked"].strip()
    return Spoken(found.thoughts, answer, marked=found.marked)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[", '"')):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _harmony(text: str) -> Spoken | None:
    """OpenAI's harmony format, with its marks, or with what is left when a server strips them."""
    if marks := list(_HARMONY.finditer(text)):
        thoughts, final = [], None
        for mark in marks:
            end = _HARMONY_END.search(text, mark.end())
            part = text[mark.end() : end.start() if end else len(text)].strip()
            if mark[1] == "final":
                final = part
            else:
                thoughts.append(part)
        return Spoken("\n\n".join(thoughts), final or "", finished=final is not None)
    if not _STRIPPED_START.match(text):
        return None
    ends = list(_STRIPPED.finditer(text))
    if not ends:  # a text that merely begins with the word, unless the next one is glued to it
        glued = re.match(r"\s*analysis[A-Z]", text)
        return Spoken(text.strip().removeprefix("analysis"), "", finished=False) if glued else None
    thoughts_text = text[: ends[-1].start()].strip().removeprefix("analysis")
    return Spoken(thoughts_text, text[ends[-1].end() :])


def _granite(text: str) -> Spoken | None:
    found = _GRANITE.match(text)
    return Spoken(found[1].strip(), text[found.end() :]) if found else None


def _tagged(text: str) -> Spoken:
    """Thoughts between marks; where a fence of code is never closed, it hides none."""
    found = _between(text, fences=True)
    return found if found is not None else _between(text, fences=False) or Spoken("", text)


class _Cutter:
    """Cuts one text at its marks: what is outside of thoughts, and what is within."""

    def __init__(self, text: str, *, fences: bool) -> None:
        self._text, self._fences = text, fences
        self.thoughts: list[str] = []
        self.outside: list[str] = []
        self.start, self.opened, self.in_code = 0, False, False

    def cut(self) -> None:
        """Go through all marks. Afterwards `opened` tells whether the last thought has no end."""
        for token in _TOKENS.finditer(self._text):
            if self.opened:
                if token["close"]:
                    self.thoughts.append(self._upto(token))
                    self.opened = False
            elif token["fence"]:
                self.in_code = self._fences and not self.in_code
            elif not (self.in_code or _quoted(self._text, token)):
                self._mark(token)

    def _mark(self, token: "re.Match[str]") -> None:
        name = (token["tag"] or token["end"] or "").lower()
        if token["open"]:
            begun = self._text[self.start : token.start()].strip() or any(part.strip() for part in self.outside)
            if not (name in _LEADING and begun):
                self.outside.append(self._upto(token))
                self.opened = True
        elif name not in _LEADING:
            # An end without a beginning: all before it was thought, for the template has begun it.
            self.thoughts = [*self.outside, *self.thoughts, self._upto(token)]
            self.outside = []

    def _upto(self, token: "re.Match[str]") -> str:
        part = self._text[self.start : token.start()]
        self.start = token.end()
        return part


def _between(text: str, *, fences: bool) -> Spoken | None:
    cutter = _Cutter(text, fences=fences)
    cutter.cut()
    if cutter.in_code:
        return None
    told = "\n\n".join(part.strip() for part in cutter.thoughts if part.strip())
    rest = text[cutter.start :]
    if cutter.opened:
        return Spoken("\n\n".join(filter(None, (told, rest.strip()))), "", finished=False)
    if not cutter.outside and not cutter.thoughts:
        return Spoken("", text)
    parts = [part.strip() for part in (*cutter.outside, rest)]
    if len(parts) > 1 and parts[1] and len(parts[0]) <= MOST_PREAMBLE and len(parts[1]) > len(parts[0]):
        parts = parts[1:]
    return Spoken(told, "\n\n".join(part for part in parts if part), marked=True)


def _quoted(text: str, token: "re.Match[str]") -> bool:
    before, after = text[token.start() - 1 : token.start()], text[token.end() : token.end() + 1]
    return bool(before and after) and before in _QUOTES and after in _QUOTES


def _unmarked(text: str) -> str:
    """`text` without the marks of a turn's beginning and end, and without a turn that follows."""
    text = text[found.end() :] if (found := _START.match(text)) else text
    for mark in islice(_END.finditer(text), MOST_QUOTED):
        before = text[: mark.start()]
        if not _quoted(text, mark) and before.count("```") % 2 == 0 and before.strip():
            text = before.rstrip()
            break
    return text if "<s>" in text else _EOS_S.sub("", text)

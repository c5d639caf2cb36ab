import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.text.thoughts import spoken

CASES = json.loads((Path(__file__).parents[2] / "resources/llm/cases/thoughts.json").read_text())
ANSWER = "Dear neighbours, the water is off on Tuesday. Please fill a bucket."
DRAFT = "Hmm, a note. DRAFT: Dear all, the water. No, friendlier."
DIALECTS = {
    "harmony": f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>"
    f"{ANSWER}<|return|>",
    "harmony, constrained": f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final "
    f"<|constrain|>json<|message|>{ANSWER}",
    "harmony, stripped with blanks": f"analysis {DRAFT} assistant final {ANSWER}",
    "Magistral": f"[THINK]{DRAFT}[/THINK]{ANSWER}",
    "Seed": f"<seed:think>{DRAFT}<seed:cot_budget_reflect>half</seed:cot_budget_reflect></seed:think>{ANSWER}",
    "Granite": f"Here is my thought process:\n{DRAFT}\n\nHere is my response:\n{ANSWER}",
    "Gemma": f"<unused94>thought\n{DRAFT}<unused95>{ANSWER}",
    "Gemma's channel": f"<|channel>thought\n{DRAFT}<channel|>{ANSWER}",
    "Command A": f"<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>",
    "s1": f"<|im_start|>think\n{DRAFT}\n<|im_start|>answer\n{ANSWER}<|im_end|>",
    "Reflection": f"<thinking>{DRAFT}</thinking><reflection>ok</reflection><output>{ANSWER}</output>",
    "Marco-o1": f"<Thought>{DRAFT}</Thought>\n<Output>{ANSWER}</Output>",
    "Open WebUI": f'<details type="reasoning" done="true"><summary>Thought</summary>{DRAFT}</details>\n{ANSWER}',
    "GLM's box": f"<think>{DRAFT}</think><|begin_of_box|>{ANSWER}<|end_of_box|>",
    "EXAONE": f"<thought>\n{DRAFT}\n</thought>\n\n{ANSWER}[EOS]".replace("[EOS]", ""),
    "reasoning tags": f"<reasoning>\n{DRAFT}\n</reasoning>\n<answer>\n{ANSWER}\n</answer>",
    "analysis tags": f"<analysis>{DRAFT}</analysis>{ANSWER}",
    "response tags": f"<think>{DRAFT}</think>\n<response>{ANSWER}</response>",
    "twice": f"<think>first</think><think>{DRAFT}</think>{ANSWER}",
    "a fence in the thoughts": f"<think>{DRAFT} so ```python</think>{ANSWER}",
    "a fence before an end without a beginning": f"{DRAFT}\n```python\nx\n</think>\n{ANSWER}",
    "an end mark": f"{ANSWER}<|im_end|>\n<|im_start|>user\nThank you",
    "DeepSeek's end mark": f"{DRAFT}</think>{ANSWER}<\uff5cend\u2581of\u2581sentence\uff5c>",
}
KEPT = (
    "Use `<think>` and `</think>` around it.",
    'say "</think>" twice',
    "```python\ntext = '<think>x</think>'\n```\nThat strips them.",
    '{"task": "strip <think>x</think> from a text"}',
    "Analysis of variance is what you need.",
    "<report><analysis>fine</analysis></report>",
    "Old: <s>six</s>",
    "Here is my thought process: I add them.",
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_thoughts_of_models_in_use_are_no_part_of_the_answer(case: dict[str, str]) -> None:
    found = spoken(case["content"])

    assert found.text == case["answer"]
    assert found.finished


@pytest.mark.parametrize("name", DIALECTS)
def test_each_dialect_is_told_apart_and_a_draft_is_never_taken(name: str) -> None:
    found = spoken(DIALECTS[name])

    assert (found.text, found.finished) == (ANSWER, True)
    assert DRAFT in found.thoughts or DRAFT not in DIALECTS[name]


@pytest.mark.parametrize("text", KEPT)
def test_marks_that_are_quoted_or_part_of_data_stay(text: str) -> None:
    assert spoken(text).text == text


@pytest.mark.parametrize(
    "text",
    ["<think>it never", "analysisWe need", "Dear <think>no", "<|channel|>analysis<|message|>hm", "\u25c1think\u25b7 x"],
)
def test_thoughts_without_an_end_leave_no_answer(text: str) -> None:
    found = spoken(text)

    assert (found.text, found.finished) == ("", False)
    assert found.thoughts


def test_a_preamble_is_dropped_and_what_stands_between_thoughts_is_kept() -> None:
    parts = "The first part is about the water, which is off on Tuesday from nine to noon, and", "the second part."

    assert spoken(f"Sure.<think>x</think>{ANSWER}").text == ANSWER
    assert spoken(f"{parts[0]}<think>x</think>{parts[1]}").text == "\n\n".join(parts)
    assert spoken(f"{ANSWER}\n<think>was that right?</think>").text == ANSWER


@given(st.text(alphabet="abc <>/|`\n"), st.sampled_from(["<think>", "</think>", "<|im_end|>", "```", "[THINK]", ""]))
def test_any_text_is_read(text: str, mark: str) -> None:
    for whole in (text, f"{text}{mark}{text}", f"{mark}{text}{mark}"):
        found = spoken(whole)
        assert len(found.text) <= len(whole)


@pytest.mark.parametrize(
    "part", ["<think>", "</think>", "`<|end|>`", "```\n", "<think ", "analysis assistant ", "<answer>"]
)
def test_long_hostile_texts_are_read_in_one_go(part: str) -> None:
    assert len(spoken(part * 50_000).text) <= len(part) * 50_000

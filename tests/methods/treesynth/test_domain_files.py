from pathlib import Path

import pytest

from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.domain_files import DomainError, find_domain, known_domains, parse_domain

SMALL = """\
name: small
space: all small things
sample: thing
samples: things
expert: a poet
rules:
  - Be small.
fields:
  text:
    says: the thing
text: "{text}"
export:
  question: "{text}"
"""


def fault(text: str) -> str:
    with pytest.raises(DomainError) as caught:
        parse_domain(text, Path("small.yaml"))
    return str(caught.value)


def test_the_domains_that_ship_along_are_valid_and_state_what_they_know() -> None:
    domains = {name: find_domain(name) for name in known_domains()}

    assert set(domains) == {"code_alpaca", "customer_support", "gsm8k", "math", "simpletom"}
    assert [len(d.values) for d in domains["math"].dimensions] == [7]
    assert [len(d.values) for d in domains["simpletom"].dimensions] == [16]
    assert domains["simpletom"].converts
    assert len(domains["customer_support"].dimensions) == domains["customer_support"].depth
    assert not domains["gsm8k"].dimensions


def test_a_small_domain_needs_no_more_than_its_keys() -> None:
    domain = parse_domain(SMALL, Path("small.yaml"))

    assert isinstance(domain, Domain)
    assert domain.told == "{text}"
    assert domain.at(0) is None


def test_a_domain_of_ones_own_goes_before_one_that_ships_along(tmp_path: Path) -> None:
    (tmp_path / "math.yaml").write_text(SMALL.replace("name: small", "name: math"))

    assert find_domain("math", [tmp_path]).space == "all small things"
    assert find_domain("gsm8k", [tmp_path]).name == "gsm8k"


def test_an_unknown_domain_is_named_beside_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=r"unknown domain 'maths'.*gsm8k.*did you mean 'math'"):
        find_domain("maths")
    with pytest.raises(DomainError, match="is no folder"):
        find_domain("math", [tmp_path / "none"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("space: all small things", "space: 3", "small.yaml, line 2: space: Input should be a valid string, not 3"),
        ("sample: thing\n", "", "small.yaml, line 1: sample: is missing"),
        ("expert:", "experts:", "line 5: experts: no such key; did you mean 'expert'?"),
        ("    says: the thing", "    say: the thing", "line 10: fields.text.say: no such key"),
        ('question: "{text}"', 'question: "{txet}"', "line 13: export.question: uses {txet}"),
        ('text: "{text}"', 'text: "text"', "text: uses no field"),
        ("name: small", "name: other", "line 1: name: is 'other', but the file is called small.yaml"),
        ("rules:\n  - Be small.", "rules: []", "rules"),
        ("name: small", "name: small\nname: small", "line 2: name: stands twice"),
        ("fields:\n  text:", "fields:\n  id:", "line 9: fields.id: a field cannot have this name"),
        ("export:", "dimensions:\n  - {dimension: Size, values: [Tiny, tiny]}\nexport:", "say the same"),
        ("export:", "dimensions:\n  - {dimension: Size, values: [yes, no]}\nexport:", "dimensions.0.values.0"),
        ("export:", "choices: {correct: a, wrong: text}\nexport:", "names 'a', which is no field"),
    ],
)
def test_a_fault_is_named_with_its_file_line_and_key(old: str, new: str, said: str) -> None:
    assert said in fault(SMALL.replace(old, new, 1))


def test_text_that_is_no_yaml_is_named_with_its_line() -> None:
    assert "small.yaml, line 3: is not YAML" in fault("name: small\nspace: x\n  sample: y\n")
    assert "must hold keys" in fault("[]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: &a [x, x]\n" + "".join(f"{k}: &{k} [{', '.join([f'*{chr(ord(k) - 1)}'] * 9)}]\n" for k in "bcdefghij"),
            "line 2: has an alias",
        ),
        ("name: small\nspace: &s [*s]\n", "line 2: has an alias"),
        ("name: " + "[" * 5_000 + "]" * 5_000, "line 1: is nested deeper than 64 levels"),
    ],
    ids=["bomb", "loop", "depth"],
)
def test_a_small_text_that_stands_for_a_large_one_is_refused_by_its_line(text: str, said: str) -> None:
    assert f"small.yaml, {said}" in fault(text)


def test_every_fault_is_reported_at_once() -> None:
    said = fault(SMALL.replace("space: all small things", "space: 3").replace("expert: a poet", "expert: 4"))

    assert "space" in said
    assert "expert" in said


def test_the_domains_that_ship_along_say_how_their_samples_are_answered() -> None:
    tasks = {name: find_domain(name).answer for name in known_domains()}

    assert tasks == {
        "code_alpaca": "code", "customer_support": "text", "gsm8k": "maths", "math": "maths", "simpletom": "choice"
    }  # fmt: skip


TURNS = 'chat:\n  user: "{text}"\n  assistant: "I see: {text}"\n'


def test_a_sample_that_holds_its_answer_names_both_turns() -> None:
    domain = parse_domain(f"{SMALL}answer: none\n{TURNS}", Path("small.yaml"))

    assert domain.chat is not None
    assert domain.chat.assistant == "I see: {text}"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("answer: essay\n", "line 14: answer: Input should be 'code', 'maths', 'choice', 'text' or 'none'"),
        ("answer: choice\n", "line 14: answer: is 'choice', which needs the key `choices`"),
        ("answer: none\n", "line 14: answer: is 'none', which needs the key `chat`"),
        (TURNS, "line 14: chat: is for samples that need no answer; set `answer: none`"),
        (f"answer: none\n{TURNS.replace('I see: {text}', '{reply}')}", r"line 17: chat.assistant: uses {reply}"),
        (f"answer: none\n{TURNS.replace('I see: {text}', 'I see.')}", r"line 17: chat.assistant: uses no field"),
    ],
)
def test_an_answer_that_cannot_be_had_is_a_fault(keys: str, message: str) -> None:
    assert message in fault(SMALL + keys)

"""Code of any language, programming tasks, and other instructions are told apart."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.seeds.kinds import guess_kinds
from evergrow.resources.seeds.languages import language_of

PYTHON = [
    "def f(x):\n    return x",
    "async def f():\n    pass",
    "import re\n\n@cache\ndef f():\n    '''Text.'''",
    "# A comment.\nclass Stack(list):\n    pass",
    "x = 3\nprint(x)",
    "total: int = 0",
    "for x in y:\n    print(x)",
    "def f(x):\n    print x  # valid in Python 2 only",
    "def cut(off,\n",
    'pattern = "\\d"',
]
OTHER_CODE = {
    "javascript": [
        "function add(a, b) {\n  return a + b;\n}",
        "const add = (a, b) => {\n  return a + b;\n};",
        "// Sums.\nexport default function sum(xs) {\n  let t = 0;\n  for (const x of xs) t += x;\n  return t;\n}",
        "class Stack {\n  constructor() { this.items = []; }\n  push(x) { this.items.push(x); }\n}",
    ],
    "typescript": ["export function id<T>(x: T): T {\n  return x;\n}", "interface P { x: number; y?: string }"],
    "java": [
        "public class A {\n  public static int add(int a, int b) {\n    return a + b;\n  }\n}",
        "/** Adds. */\npublic static int add(int a, int b) {\n  return a + b;\n}",
    ],
    "rust": ["fn add(a: i32, b: i32) -> i32 {\n    a + b\n}", "impl Foo {\n    pub fn new() -> Self { Foo {} }\n}"],
    "go": [
        "func Add(a, b int) int {\n\treturn a + b\n}",
        'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println(1)\n}',
    ],
    "c": [
        "int add(int a, int b) {\n  return a + b;\n}",
        '#include <stdio.h>\nint main(void) { printf("x"); return 0; }',
    ],
    "cpp": ["template <typename T>\nT add(const T& a, const T& b) {\n  return a + b;\n}"],
    "ruby": ["def add(a, b)\n  a + b\nend"],
    "php": ["<?php\nfunction add($a, $b) {\n  return $a + $b;\n}"],
}  # fmt: skip
QUESTIONS = [
    "Write a function that sorts a list.",
    "Repair this:\n\ndef f(x):\n    return x",
    "Write a Python program that prints the first n Fibonacci numbers.",
    "Implement a class `LRUCache` with methods get(key) and put(key, value) in O(1).",
    "Given an array of integers nums and an integer target, return indices of the two numbers that add up to target.",
    "You are given a binary tree. Return the level order traversal of its nodes' values.",
    "Create a SQL query that returns the second highest salary.",
    "How would I reverse a string in JavaScript without using built-in methods?",
    "Fix the bug in this code:\n```python\nfor i in range(10) print(i)\n```",
    "Write a function in Rust that counts the vowels of a string.",
    "Implement merge sort. Your function should take a list and return a sorted list.",
    "Develop a regex that matches valid e-mail addresses.",
    "Write unit tests for a function `is_prime(n)`.",
    "Build a REST API endpoint in Node.js that returns a list of users as JSON.",
    "Write a bash script that renames all files of a folder to lower case.",
    "Write a python function to find the minimum cost path to reach (m, n) from (0, 0).",
    "Design a data structure that supports insert, delete and getRandom in constant time.",
    "Refactor the following Java code so that it uses streams.\n```java\nint s = 0;\n```",
    "Optimize this pandas code that loops over rows of a dataframe.",
    "Write a decorator that retries a function three times when it raises an exception.",
]
INSTRUCTIONS = [
    "Explain",
    "Explain (this)",
    "Task: sort",
    "import the data and plot it",
    "Set x = 3, then print it.",
    "def is a keyword. What does it do?",
    "(" * 20_000,
    "x = " + "-" * 20_000 + "1",
    "é\x0c\u2028",
    "Explain the difference between a list and a tuple in Python.",
    "What is a hash table?",
    "Write a short story about a lighthouse keeper who repairs clocks.",
    "Compare three ways to store time zones in a database.",
    "Write a polite letter to a landlord who has not repaired the heating.",
    "Create a class schedule for a school with four teachers.",
    "Write the programme of a wedding, with a time for each item.",
    "Find the derivative of the function f(x) = 3x^2 + 2x.",
    "Given a positive integer n, find the smallest integer that n divides evenly.",
    "Design a logo for a bakery, and describe it in two sentences.",
    "Translate the sentence into French: I have been waiting.",
    "Give me a list of ten fruits that are in season in May.",
    "Write a script for a two-minute play about an argument in a library.",
    "Develop a marketing plan for a new tea, with a budget.",
    "Summarise the plot of Hamlet {in one sentence}; be brief;",
    "Generate a title for an essay about the return of wolves.",
    "Make a packing list for a week in the mountains.",
    "Describe how a compiler works.",
    "Write an essay on the history of the Java island.",
]
ALL_OTHER = [(name, text) for name, texts in OTHER_CODE.items() for text in texts]


@pytest.mark.parametrize("text", PYTHON)
def test_python_is_code(text: str) -> None:
    assert guess_kinds(pl.Series([text])).to_list() == ["code"]


@pytest.mark.parametrize(("language", "text"), ALL_OTHER)
def test_code_of_another_language_is_code_and_its_language_is_told(language: str, text: str) -> None:
    assert guess_kinds(pl.Series([text])).to_list() == ["code"]
    assert language_of(text) == language


@pytest.mark.parametrize(("language", "text"), ALL_OTHER)
def test_code_within_a_task_does_not_make_the_task_code(language: str, text: str) -> None:
    task = f"Please fix the following {language} code so that it handles negative numbers as well.\n\n{text}"

    assert guess_kinds(pl.Series([task])).to_list() == ["question"]


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_task_for_programmers_is_a_question(text: str) -> None:
    assert guess_kinds(pl.Series([text])).to_list() == ["question"]


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_prose_is_an_instruction(text: str) -> None:
    assert guess_kinds(pl.Series([text])).to_list() == ["instruction"]


@given(st.lists(st.text()))
def test_every_text_gets_one_of_the_kinds(texts: list[str]) -> None:
    kinds = guess_kinds(pl.Series("content", texts, dtype=pl.String))
    assert kinds.len() == len(texts)
    assert kinds.dtype == pl.String
    assert set(kinds) <= {"code", "question", "instruction"}

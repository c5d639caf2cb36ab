import json

import pytest

from evergrow.resources.llm.decoding import Undecodable, decoded, page_title, values

TEXT = '{"content": "Grüße, Ωmega, 水"}'
LATIN = '{"content": "Grüße"}'
JSON = "application/json"


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("content_type", [JSON, f"{JSON}; charset=iso-8859-1", f"{JSON}; charset=rot13", ""])
def test_unicode_is_read_by_its_mark_or_its_zeros_whatever_the_header_says(name: str, content_type: str) -> None:
    assert decoded(TEXT.encode(name), content_type) == TEXT


@pytest.mark.parametrize("name", ["iso-8859-1", "windows-1252", "ISO-8859-15", '"latin-1"'])
def test_the_charset_that_is_named_is_heeded(name: str) -> None:
    assert decoded(LATIN.encode("latin-1"), f"{JSON}; charset={name}") == LATIN


@pytest.mark.parametrize("name", ["shift_jis", "gb18030", "iso-2022-jp"])
def test_charsets_of_several_bytes_too(name: str) -> None:
    assert decoded('{"a": "日本"}'.encode(name), f"{JSON}; charset={name}") == '{"a": "日本"}'


@pytest.mark.parametrize(
    "content_type", [JSON, f"{JSON}; charset=utf-8", f"{JSON}; charset=zlib", f"{JSON}; charset=undefined"]
)
def test_what_cannot_be_decoded_is_a_fault_and_never_replaced(content_type: str) -> None:
    with pytest.raises(Undecodable, match="is not utf-8"):
        decoded(LATIN.encode("latin-1"), content_type)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\ufeff",
        "\x00\x00",
        ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
        "// note\n",
        ")]}'\n",
        "\n# a\n",
    ],
)
def test_what_gateways_put_before_json_is_passed_over(before: str) -> None:
    assert values(f'{before}{{"a": 1}}\x00\n') == [{"a": 1}]


def test_json_that_is_encoded_twice_is_read_twice() -> None:
    assert values(json.dumps(json.dumps({"a": 1}))) == [{"a": 1}]


def test_streams_and_lines_are_read() -> None:
    events = 'event: x\ndata: {"a": 1}\n\n: ping\n\ndata: {"a":\ndata:  2}\n\ndata: [DONE]\n\n'

    assert values(events) == [{"a": 1}, {"a": 2}, "[DONE]"]
    assert values('data: {"a": 1}\ndata: {"a": 2}\n') == [{"a": 1}, {"a": 2}]
    assert values('{"a": 1}\n{"a": 2}\n') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ["", "{", "nothing", "[" * 100_000, 'data: {"a"', '{"a": 1} rest'])
def test_what_is_no_json_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        values(text)


def test_a_number_that_only_serves_to_overflow_is_none() -> None:
    assert values('{"a": ' + "9" * 5000 + "}") == [{"a": None}]


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<html><head><title> Sign in </title>", "Sign in"),
        ("<h1>502 <b>Bad</b> Gateway</h1>", "502 Bad Gateway"),
        ("<p>x", ""),
    ],
)
def test_a_page_is_named_by_its_title(page: str, title: str) -> None:
    assert page_title(page) == title

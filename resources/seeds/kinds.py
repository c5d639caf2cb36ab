"""Tells code, programming tasks and other instructions apart, for seed files that do not say which they hold."""

import ast
import re
import warnings
from collections.abc import Iterator

import polars as pl

from evergrow.resources.seeds.source import Kind

# Comments, decorators and imports may come before the header of a function or class.
BEGINS_AS_CODE = (
    r"\A(?:[ \t]*(?:#[^\n]*|@[^\n]*|import [^\n]*|from \S+ import [^\n]*)?\r?\n)*"
    r"[ \t]*(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[(:])"
)
MAY_BE_PYTHON = r"(?m)=|^\s*(?:async|class|def|for|from|if|import|try|while|with)\b"
MAY_BE_BRACED = r"(?m)\{[\s\S]*\}|^\s*end\s*\z|^\s*end\s*$|^package \w+\s*$"
STATEMENTS = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AugAssign,
    ast.For, ast.While, ast.If, ast.With, ast.AsyncFor, ast.AsyncWith, ast.Try,
)  # fmt: skip

ASKS = (
    r"(?:write|implement|create|build|develop|design|code|complete|finish|define|program|refactor|rewrite|debug|"
    r"fix|repair|correct|optimi[sz]e|speed up|convert|translate|port|generate|give|provide|make|add|extend|construct|"
    r"produce)"
)
# What only programmers ask for, and what others ask for as well: a class of pupils, a wedding's programme.
PROGRAMS = (
    r"(?:functions?|algorithms?|regex(?:p|es)?|regular expressions?|sql (?:query|statement)s?|(?:select )?sql|"
    r"unit tests?|subroutines?|one-liners?|code|source code|decorators?|generators?|parsers?|lexers?|iterators?|"
    r"coroutines?|web scrapers?|api endpoints?|rest apis?|command[- ]line (?:tool|interface|program)s?|cli tools?|"
    r"data structures?|linked lists?|binary (?:search )?trees?|hash (?:map|table)s?|lru caches?|dataframes?|"
    r"(?:merge|quick|heap|bubble|insertion|radix|topological) ?sort|binary search|(?:breadth|depth)-first search|"
    r"tries?|dijkstra\S*|(?:shell|bash) scripts?|context managers?|data ?class(?:es)?|crawlers?|interpreters?|"
    r"compilers?|simulators?)"
)
SHARED = (
    r"(?:programs?|scripts?|class(?:es)?|methods?|modules?|quer(?:y|ies)|stacks?|queues?|packages?|librar(?:y|ies)|"
    r"games?|tools?|app(?:lication)?s?|pipelines?)"
)
LANGUAGES = (
    r"(?:(?i:python|javascript|typescript|java|kotlin|golang|haskell|matlab|php|sql|bash|powershell|pandas|numpy|"
    r"pytorch|react|node\.js|numba|asyncio|html|css|regex)|C\+\+|C#|\bC\b|Rust|Swift|Go\b|Ruby|Scala|Perl|Lua|Julia|"
    r"\bR\b)"
)
SIGNS = (
    LANGUAGES,
    r"`[^`\n]+`|```",
    r"\b[a-z]+_[a-z_0-9]+\b|\b[a-z]+[A-Z][A-Za-z]+\b|\b[a-z]\w*\([^)\n]{0,60}\)",
    r"(?i)\b(?:arrays?|integers?|strings?|lists?|tuples?|dictionar(?:y|ies)|dicts?|matri(?:x|ces)|bytes?|booleans?|"
    r"floats?|nodes?|objects?|json|csv|files?)\b",
    r"(?i)\b(?:returns?|prints?|parameters?|arguments?|inputs?|outputs?|stdin|stdout|raises?|exceptions?|callbacks?)\b",
    r"(?i)\bO\((?:1|n|m|log|V|E|k)|\b(?:time complexity|recursi(?:ve|vely|on)|in[- ]place|loops?|index|indices|"
    r"sorted|sorts?|duplicates)\b",
)
GIVEN = (
    r"(?i)\bgiven (?:an?|two|the|three|a non-empty|k) (?:sorted |binary |unsorted |rotated |integer |positive |"
    r"directed |undirected |weighted |non-empty )*(?:arrays?|strings?|integers?|matri(?:x|ces)|trees?|linked lists?|"
    r"graphs?|grids?|lists? of (?:integers|numbers|strings|words|tuples|intervals)|dictionary|sequence of)\b"
)
ANSWERED = r"(?i)\b(?:return|print|output|implement|function|program|code)\b|O\("
EXPLAINS = (
    r"(?i)\A\W*(?:please |can you |could you )*(?:explain|describe|what|why|who|when|compare|discuss|summari[sz]e|list|"
    r"name|define the term|tell me|is|are|does|do|which|outline|translate the (?:following )?(?:sentence|text))\b"
)
REPAIRS = r"(?i)\b(?:fix|debug|repair|correct|refactor|optimi[sz]e|complete|finish|rewrite|review|find the bug)\b"
SHOWN = r"(?m)^```|^\s*(?:def|class|function|public|fn|func)\s+\w+"
HOW_TO = r"(?i)\bhow (?:do|can|would|to)\b"
ASKS_LATER = (
    r"(?i)[.!?\n,]\s*(?:and |then )?(?:write|implement|provide|give|create)\b[^.!?\n]{0,60}\b"
    r"(?:function|code|program|class|script)\b"
)


def guess_kinds(contents: pl.Series) -> pl.Series:
    """The kind of each text of `contents` (String, no nulls): "code", "question" or "instruction", as a String series.

    Code is what begins with the header of a Python function or class (after comments, decorators and imports), valid
    or not; what is valid Python with at least one statement at its top that prose cannot be by accident; and what a
    parser of another language places whole, with a definition at its top. A question is a task whose answer is a
    program, by its words. All else is an instruction.
    """
    texts = pl.DataFrame({"text": contents}).select(
        "text",
        code=pl.col("text").str.contains(BEGINS_AS_CODE),
        python=pl.col("text").str.contains(MAY_BE_PYTHON),
        braced=pl.col("text").str.contains(MAY_BE_BRACED),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # escapes such as "\d" in a seed's strings are no concern of ours
        is_code = [
            code or (python and _is_program(text)) or (braced and _is_other_program(text))
            for text, code, python, braced in texts.iter_rows()
        ]
    code = pl.Series("code", is_code, dtype=pl.Boolean)
    words = contents.filter(~code).alias("text").to_frame()
    is_question = words.select(_is_question(pl.col("text")))["text"].to_list()
    others: Iterator[Kind] = ("question" if question else "instruction" for question in is_question)
    return pl.Series("kind", ["code" if is_one else next(others) for is_one in is_code], dtype=pl.String)


def _is_question(text: pl.Expr) -> pl.Expr:
    """Whether a program is asked for: a programmers' word after a verb, with signs of code beside it."""
    signs = pl.sum_horizontal(text.str.contains(sign).cast(pl.Int8) for sign in SIGNS)
    near = rf"(?i)\b{ASKS}\b[^.!?\n]{{0,80}}?\b"
    in_language = text.str.contains(LANGUAGES)
    asks = text.str.contains(rf"(?i)\b{ASKS}\b") | text.str.contains(HOW_TO)
    program = text.str.contains(near + PROGRAMS + r"\b") & (signs >= 1)
    shared = text.str.contains(near + SHARED + r"\b") & ((signs >= 3) | (in_language & (signs >= 2)))
    named = text.str.contains(r"\b(?:in|using|with|for) " + LANGUAGES) & asks & (signs >= 2)
    shown = text.str.contains(SHOWN) & text.str.contains(REPAIRS)
    given = text.str.contains(GIVEN) & text.str.contains(ANSWERED)
    explains = text.str.contains(EXPLAINS) & ~text.str.contains(ASKS_LATER)
    return ((program | shared | named) & ~explains) | shown | given


def is_python(text: str) -> bool:
    """Whether a text that is code is Python's."""
    return re.match(BEGINS_AS_CODE.replace(r"\A", ""), text) is not None or _is_program(text)


def _is_program(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, STATEMENTS) or _is_annotated_value(node) for node in tree.body)


def _is_other_program(text: str) -> bool:
    from evergrow.resources.seeds.languages import language_of  # noqa: PLC0415 - few files need the parsers

    return language_of(text) is not None


def _is_annotated_value(node: ast.stmt) -> bool:
    """`total: int = 0`, but not `Task: sort`, which is valid Python as well."""
    return isinstance(node, ast.AnnAssign) and node.value is not None

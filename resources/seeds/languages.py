"""Programming languages besides Python: how each is recognised, and where its functions stand in a syntax tree.

The parsers are tree-sitter's; nothing is run.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tree_sitter import Language, Node, Parser

MAX_ERRORS = 0.02  # share of the bytes that a parser could not place
MAX_PARSED_BYTES = 200_000  # of a text whose language is sought


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language.

    `module` and `entry` name its tree-sitter grammar; `signs` is a regular expression that its texts match, among
    others; `functions` are the nodes that define a function, `classes` those that define a type, `holders` those that
    may hold either.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    signs: str
    functions: tuple[str, ...]
    classes: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    entry: str = "language"


RUST_SIGNS = r"\bfn\s+\w+\s*[<(]|\bimpl\b[^\n]*\{|\blet\s+mut\s|\b(?:struct|enum|trait)\s+\w+[^\n;]*\{"
SCRIPT_SIGNS = (
    r"\bfunction\b\s*\*?\s*\w*\s*\(|=>|\b(?:const|let|var)\s+[\w$\{\[]|\bclass\s+\w+[^\n]*\{|\bexport\s|module\.exports"
)
TYPED_SIGNS = SCRIPT_SIGNS + r"|\binterface\s+\w+[^\n]*\{|\btype\s+\w+[^\n]*="
SCRIPT_FUNCTIONS = ("function_declaration", "generator_function_declaration")
SCRIPT_METHODS = (*SCRIPT_FUNCTIONS, "method_definition")
SCRIPT_CLASSES = ("class_declaration", "abstract_class_declaration", "interface_declaration", "enum_declaration")
C_SIGNS = (
    r"(?m)#\s*include\s*[<\"]|^\s*(?:static |inline |const |unsigned |extern |struct )*"
    r"(?:[A-Za-z_]\w*(?:<[^;{}\n]*>)?[ \t*&]+)+[\w:~]+\s*\([^;{}]*\)[^;{}]*\{|\bstruct\s+\w+\s*\{|\btemplate\s*<"
)
CPP_SIGNS = C_SIGNS + r"|\bclass\s+\w+[^\n;]*\{|std::"
BRACED_TYPE = r"\b(?:class|interface|enum|record|struct|namespace)\s+\w[^\n;]*\{|"
METHOD_SIGN = (
    BRACED_TYPE + r"\b(?:public|private|protected|internal|static|final|void|async)\s[^\n;{}=]*\([^;{}]*\)[^;{}]*\{"
)
GRAMMARS: tuple[Grammar, ...] = (
    Grammar(
        "javascript", "tree_sitter_javascript", (".js", ".mjs", ".cjs", ".jsx"), SCRIPT_SIGNS,
        SCRIPT_METHODS, SCRIPT_CLASSES, (*SCRIPT_CLASSES, "class_body", "export_statement"),
    ),
    Grammar(
        "typescript", "tree_sitter_typescript", (".ts", ".mts", ".cts"), TYPED_SIGNS,
        SCRIPT_METHODS, SCRIPT_CLASSES,
        (*SCRIPT_CLASSES, "class_body", "export_statement", "internal_module", "module", "statement_block"),
        "language_typescript",
    ),
    Grammar(
        "go", "tree_sitter_go", (".go",), r"(?m)\bfunc\s*(?:\([^)]*\)\s*)?\w*\s*[(\[]|^package\s+\w+\s*$",
        ("function_declaration",), ("type_declaration",),
    ),
    Grammar(
        "rust", "tree_sitter_rust", (".rs",), RUST_SIGNS,
        ("function_item",), ("struct_item", "enum_item", "trait_item"),
        ("mod_item", "impl_item", "trait_item", "declaration_list"),
    ),
    Grammar(
        "java", "tree_sitter_java", (".java",), METHOD_SIGN, ("method_declaration", "constructor_declaration"),
        ("class_declaration", "interface_declaration", "enum_declaration", "record_declaration"),
        ("class_declaration", "interface_declaration", "enum_declaration", "record_declaration", "class_body",
         "interface_body", "enum_body", "enum_body_declarations"),
    ),
    Grammar(
        "c", "tree_sitter_c", (".c", ".h"), C_SIGNS, ("function_definition",), ("struct_specifier", "type_definition"),
        ("preproc_ifdef", "preproc_if", "preproc_else", "linkage_specification", "declaration_list"),
    ),
    Grammar(
        "cpp", "tree_sitter_cpp", (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx"), CPP_SIGNS,
        ("function_definition",), ("class_specifier", "struct_specifier"),
        ("preproc_ifdef", "preproc_if", "preproc_else", "linkage_specification", "namespace_definition",
         "declaration_list", "class_specifier", "struct_specifier", "field_declaration_list", "template_declaration"),
    ),
    Grammar(
        "csharp", "tree_sitter_c_sharp", (".cs",), METHOD_SIGN,
        ("method_declaration", "constructor_declaration", "local_function_statement"),
        ("class_declaration", "interface_declaration", "struct_declaration", "record_declaration", "enum_declaration"),
        ("class_declaration", "interface_declaration", "struct_declaration", "record_declaration", "declaration_list",
         "namespace_declaration", "file_scoped_namespace_declaration", "global_statement"),
    ),
    Grammar(
        "tsx", "tree_sitter_typescript", (".tsx",), r"\A\b", SCRIPT_METHODS, SCRIPT_CLASSES,
        (*SCRIPT_CLASSES, "class_body", "export_statement"), "language_tsx",
    ),
    Grammar(
        "php", "tree_sitter_php", (".php",), r"<\?php", ("function_definition", "method_declaration"),
        ("class_declaration", "interface_declaration", "trait_declaration"),
        ("class_declaration", "trait_declaration", "declaration_list", "namespace_definition", "compound_statement"),
        "language_php",
    ),
    Grammar(
        "ruby", "tree_sitter_ruby", (".rb",), r"(?m)^\s*(?:def|class|module)\s+[\w.?!:]+[^\n]*\n[\s\S]*^\s*end\b",
        ("method", "singleton_method"), ("class", "module"), ("class", "module", "body_statement"),
    ),
)  # fmt: skip
BY_SUFFIX = {suffix: grammar for grammar in GRAMMARS for suffix in grammar.suffixes}
SOUGHT = tuple(grammar for grammar in GRAMMARS if grammar.name != "tsx")


@cache
def parser_of(grammar: Grammar) -> Parser:
    """The parser of a language."""
    module = importlib.import_module(grammar.module)
    return Parser(Language(getattr(module, grammar.entry)()))


def language_of(text: str) -> str | None:
    """The language that all of `text` is written in, if it defines something in one; None for prose, and for Python.

    Of languages that can all be the one, the parser that leaves the fewest bytes over decides, then their order.
    """
    data = text.encode()
    if len(data) > MAX_PARSED_BYTES:
        data = data[: data.rfind(b"\n", 0, MAX_PARSED_BYTES) + 1]
    best: tuple[float, str] | None = None
    for grammar in SOUGHT:
        if not re.search(grammar.signs, text):
            continue
        root = parser_of(grammar).parse(data).root_node
        wrong = sum(node.end_byte - node.start_byte for node in errors(root)) / max(1, len(data))
        if wrong <= MAX_ERRORS and _defines(root, grammar) and (best is None or wrong < best[0]):
            best = wrong, grammar.name
    return best[1] if best else None


def errors(node: Node) -> Iterator[Node]:
    """The outermost pieces that could not be placed."""
    if not node.has_error:
        return
    if node.is_error:
        yield node
        return
    for child in node.children:
        yield from errors(child)


def _defines(root: Node, grammar: Grammar) -> bool:
    """Whether something is defined at the top, and the text does not begin with words that are no code."""
    named = [node for node in root.named_children if "comment" not in node.type]
    if not named or named[0].is_error or named[0].type == "text":
        return False
    wanted = {*grammar.functions, *grammar.classes, *grammar.holders, "lexical_declaration", "variable_declaration"}
    wanted |= {"template_declaration", "package_clause", "preproc_include", "use_declaration", "export_statement"}
    return any(node.type in wanted or _assigns_function(node) for node in named)


def _assigns_function(node: Node) -> bool:
    """`module.exports = function () {}` and the like."""
    if node.type != "expression_statement":
        return False
    inner = node.named_children[0] if node.named_children else None
    right = inner.child_by_field_name("right") if inner is not None and inner.type == "assignment_expression" else None
    return right is not None and right.type in {"function_expression", "arrow_function", "class", "object"}

"""What a source file of another language than Python offers to others, read from its syntax tree.

Parsers are native code, and a hostile file can make them eat all memory, so `interfaces` runs this file as a program
of its own, under limits: it reads files as JSON on standard input and answers each with a line of JSON. It imports
nothing of the house.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Node

_WIDEST = 300  # characters of one line
_VALUE = 100  # of a declaration that has no body
_DOC = 100
_LINES = 400
_DEEPEST = 6  # groups within groups
_MEMORY = 1_000_000_000  # bytes of address space: the largest file that is parsed takes a quarter
_COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
_THROUGH = frozenset({"ERROR", "declaration_list", "decorator", "attribute_item"})  # in every language
_MARKS = re.compile(r"^\s*(?:/\*+<?!?|//[/!]*|\*(?!/))?\s*|\s*\*+/\s*$")


@dataclass(frozen=True, eq=False)
class Language:
    """How a language says what is there for others.

    The names are those of the nodes of its grammar. What is named nowhere is not shown.
    """

    package: str
    suffixes: str
    imports: Mapping[str, str]
    """Nodes that import, each with the expression that finds what."""
    leaves: str
    """Nodes shown as one line: what stands before their body."""
    groups: str = ""
    """Nodes whose members are shown below them."""
    through: str = ""
    """Nodes that are only looked into."""
    lead: str = ""
    """Those of them that belong to the line of what they hold."""
    whole: str = ""
    """Leaves shown with their body."""
    entry: str = "language"
    """The function of the package that gives the grammar."""
    public: Callable[[str, str], bool] = lambda line, within: True
    """Whether a line, within a group of some kind, is there for others."""


_QUOTED = r"""["']([^"'\n]+)["']"""
_ECMA: dict[str, Any] = {
    "imports": {
        "import_statement": _QUOTED,
        "export_statement": rf"\bfrom\s*{_QUOTED}",
        "lexical_declaration": rf"\brequire\(\s*{_QUOTED}",
        "variable_declaration": rf"\brequire\(\s*{_QUOTED}",
    },
    "lead": "export_statement ambient_declaration",
    "through": "expression_statement",
    "public": lambda line, within: (
        not re.match(
            r"(?:static |readonly |async |override |abstract |[gs]et )*(?:#|private\b)|(?:const|let|var) .*\brequire\(",
            line,
        )
    ),
}
_ECMA_LEAVES = (
    "function_declaration generator_function_declaration lexical_declaration variable_declaration method_definition "
    "field_definition export_clause assignment_expression"
)
_TYPED_LEAVES = (
    f"{_ECMA_LEAVES} function_signature type_alias_declaration method_signature property_signature "
    "abstract_method_signature public_field_definition call_signature construct_signature enum_assignment "
    "property_identifier index_signature"
)
_TYPED_GROUPS = (
    "class_declaration abstract_class_declaration interface_declaration enum_declaration internal_module module"
)
_C_LEAVES = (
    "function_definition declaration type_definition field_declaration enumerator preproc_def preproc_function_def"
)
_C_GROUPS = "struct_specifier union_specifier enum_specifier"
_C_THROUGH = "preproc_ifdef preproc_if preproc_else preproc_elif linkage_specification"
_INCLUDES = {"preproc_include": r'[<"]([^<>"\n]+)[>"]'}


def _not_static(line: str, within: str) -> bool:
    return bool(within) or not re.match(r"(?:inline )?static\b|namespace$|#define \w+$", line)


LANGUAGES = (
    Language(
        "javascript", "js mjs cjs jsx", leaves=_ECMA_LEAVES, groups="class_declaration", whole="export_clause", **_ECMA
    ),
    Language(
        "typescript",
        "ts mts cts",
        leaves=_TYPED_LEAVES,
        groups=_TYPED_GROUPS,
        whole="type_alias_declaration export_clause",
        entry="language_typescript",
        **_ECMA,
    ),
    Language(
        "typescript",
        "tsx",
        leaves=_TYPED_LEAVES,
        groups=_TYPED_GROUPS,
        whole="type_alias_declaration export_clause",
        entry="language_tsx",
        **_ECMA,
    ),
    Language(
        "go",
        "go",
        imports={"import_declaration": r'"([^"\n]+)"'},
        leaves="function_declaration method_declaration const_spec var_spec type_alias field_declaration method_elem",
        groups="type_spec",
        through="type_declaration const_declaration var_declaration var_spec_list field_declaration_list",
        public=lambda line, within: bool(
            re.match(r"(?:func (?:\([^)]*\) ?)?|type |const |var |\*?(?:\w+\.)?)?[^\W\d_a-z]", line)
        ),
    ),
    Language(
        "rust",
        "rs",
        imports={"use_declaration": r"\buse\s+([^;]+)"},
        leaves="function_item function_signature_item const_item static_item type_item field_declaration enum_variant "
        "associated_type",
        whole="enum_variant",
        groups="struct_item enum_item union_item trait_item impl_item mod_item",
        public=lambda line, within: line.startswith(("pub", "impl")) or within in ("trait_item", "enum_item"),
    ),
    Language(
        "java",
        "java",
        imports={"import_declaration": r"\bimport\s+(?:static\s+)?([\w.*]+)"},
        leaves="method_declaration constructor_declaration field_declaration enum_constant constant_declaration "
        "compact_constructor_declaration annotation_type_element_declaration",
        groups="class_declaration interface_declaration enum_declaration record_declaration "
        "annotation_type_declaration",
        through="enum_body_declarations",
        public=lambda line, within: not re.search(r"\bprivate\b", line),
    ),
    Language(
        "c", "c", _INCLUDES, _C_LEAVES, _C_GROUPS, _C_THROUGH, whole="type_definition preproc_def", public=_not_static
    ),
    Language(
        "cpp",
        "h cc cpp cxx hpp hh hxx",
        _INCLUDES,
        f"{_C_LEAVES} alias_declaration concept_definition friend_declaration using_declaration",
        f"{_C_GROUPS} class_specifier namespace_definition",
        _C_THROUGH,
        lead="template_declaration",
        whole="type_definition preproc_def",
        public=_not_static,
    ),
)
OF = {suffix: language for language in LANGUAGES for suffix in language.suffixes.split()}
"""The language of a file, by what its name ends with."""


@dataclass
class _Reading:
    """One file as it is read: the lines found so far."""

    language: Language
    source: bytes
    exported: frozenset[str] | None = None
    """The names that the file exports by name; None where it exports nothing, and everything may be meant."""
    imported: dict[str, None] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def read(self, nodes: Iterable[Node], within: str = "", depth: int = 0, lead: Node | None = None) -> None:
        """Add the lines of sibling nodes."""
        comments: list[Node] = []
        access = "private" if within == "class_specifier" and not lead else "public"
        last = edge = -1
        for node in nodes:
            if len(self.lines) >= _LINES:
                return
            kind = node.type
            if (
                node.start_point.row > edge + 1
            ):  # what stands apart, such as a file's own comment, is of nothing below it
                comments.clear()
            edge = node.end_point.row - (node.end_point.column == 0)  # some comments end where the next line begins
            if kind in _COMMENTS:
                comments += [node] if node.start_point.row > last else []
            elif kind == "access_specifier":
                access = self._text(node.start_byte, node.end_byte)
            elif access != "private":
                self._one(node, within, depth, lead, comments)
            if kind not in _COMMENTS and node.is_named and kind not in ("attribute_item", "decorator"):
                comments, last = [], node.end_point.row

    def _one(self, node: Node, within: str, depth: int, lead: Node | None, comments: list[Node]) -> None:
        kind, language = node.type, self.language
        if kind in language.imports and not depth:
            text = self._text(node.start_byte, node.end_byte)
            self.imported |= dict.fromkeys(re.findall(language.imports[kind], text))
        doc = _doc(comments, self._text)
        if kind in _words(language.lead):
            before = len(self.lines)
            self.read(node.children, within, depth, lead or node)
            if len(self.lines) == before and kind == "export_statement":
                self._add(self._text(node.start_byte, node.end_byte)[:_VALUE], depth, doc)
            else:
                self._say(before, doc)
        elif kind in _words(language.leaves) or kind in _words(language.groups):
            self._declaration(node, within, depth, lead, doc)
        elif kind in _THROUGH or kind in _words(language.through):
            body = node.child_by_field_name("body")
            before = len(self.lines)
            self.read((body or node).children, within, depth, lead)
            self._say(before, doc)

    def _declaration(self, node: Node, within: str, depth: int, lead: Node | None, doc: str) -> None:
        kind, language = node.type, self.language
        holder, end = (None, 0) if kind in _words(language.whole) else _body(node)
        line = self._text((lead or node).start_byte, end or (lead or node).end_byte)
        line = re.sub(r"^export (?:declare )?(?!default|\{|=)", "", line)
        if language.package == "go" and kind.endswith(("_spec", "type_alias")):
            line = f"{kind.split('_')[0]} {line}"
        line = re.sub(r"\s*(?:[={;,]|=>)*$", "", line)
        if not self._public(line, within, lead):
            return
        self._add(line if end else line[:_VALUE], depth, doc)
        open_ = kind in _words(language.groups) and not node.child_by_field_name("trait")
        if holder and open_ and depth < _DEEPEST:
            self.read(holder.children, "" if kind in ("namespace_definition", "mod_item") else kind, depth + 1)

    def _public(self, line: str, within: str, lead: Node | None) -> bool:
        if not self.language.public(line, within) or not line:
            return False
        if self.language.package not in ("javascript", "typescript") or within or lead:
            return True
        if self.exported is None:
            return "=" not in line.split("(")[0] or line.startswith(("const ", "let ", "var ", "module.", "exports."))
        return bool(self.exported & set(re.findall(r"[\w$]+", line)[:4]))

    def _text(self, start: int, end: int) -> str:
        """A part of the file, on one line."""
        part = self.source[start : min(end, start + 4 * _WIDEST)].decode("utf-8", "replace")
        return " ".join(part.split())[:_WIDEST]

    def _say(self, at: int, doc: str) -> None:
        """Give a line the comment that stands before what holds it."""
        if doc and at < len(self.lines) and "  // " not in self.lines[at]:
            self.lines[at] += f"  // {doc}"

    def _add(self, line: str, depth: int, doc: str) -> None:
        self.lines.append(f"{'  ' * (depth + 1)}{line}{f'  // {doc}' if doc else ''}")


def outline(language: Language, text: str) -> str:
    """What a file imports and offers, one thing to a line.

    A file that does not parse gives what its parser could make out.
    """
    source = text.encode("utf-8", "replace")
    top = _parser(language).parse(source).root_node
    reading = _Reading(language, source, _exported(top, source))
    reading.read(top.children)
    imports = [f"  imports {', '.join(' '.join(it.split()) for it in reading.imported)}"[:_WIDEST]]
    return "\n".join([*(imports if reading.imported else []), *reading.lines])


def names(language: Language, text: str) -> dict[str, int]:
    """The names that a file defines, whoever may see them, each with the line where it does so first."""
    found: dict[str, int] = {}
    waiting = [_parser(language).parse(text.encode("utf-8", "replace")).root_node]
    while waiting:
        node = waiting.pop()
        for field_name in ("name", "declarator", "alias"):
            child = node.child_by_field_name(field_name)
            if child and "identifier" in child.type and not child.child_count:
                found.setdefault((child.text or b"").decode("utf-8", "replace"), node.start_point.row + 1)
        waiting += reversed(node.children)
    return found


_ENDS = re.compile(r"(?:return|throw|break|continue|raise)_(?:statement|expression)")
_NEVER = re.compile(r"\(?\s*(?:false|0|!\s*true)\s*\)?")
_CATCHERS = {"java": re.compile(r"Throwable|Error\b"), "cpp": re.compile(r"\.\.\.|exception")}


def bare(language: Language, text: str) -> str:
    """A file as long as it was, in which comments and what is never executed, or never heard of, are blank.

    Opening parentheses within strings become brackets, so that nothing in them looks like a call.
    """
    source = text.encode("utf-8", "replace")
    made = bytearray(source)
    waiting = [_parser(language).parse(source).root_node]
    while waiting:
        node = waiting.pop()
        if node.type in _COMMENTS or _idle(node, language):
            made[node.start_byte : node.end_byte] = re.sub(rb"[^\n]", b" ", source[node.start_byte : node.end_byte])
        elif "string" in node.type and "template" not in node.type:
            made[node.start_byte : node.end_byte] = source[node.start_byte : node.end_byte].replace(b"(", b"[")
        else:
            waiting += node.children
    return made.decode("utf-8", "replace")


def _idle(node: Node, language: Language) -> bool:
    """Whether a statement is never reached, or what fails in it goes unheard."""
    before, parent = node.prev_named_sibling, node.parent
    if parent is None or not node.is_named:
        return False
    if (before is not None and "block" in parent.type) or parent.type in ("compound_statement", "statement_list"):
        inner = before.named_children[0] if before and before.type == "expression_statement" else before
        if inner is not None and _ENDS.fullmatch(inner.type):
            return True
    asked = parent.child_by_field_name("condition")
    if asked and parent.type in ("if_statement", "if_expression", "while_statement", "preproc_if"):
        alternative = parent.child_by_field_name("alternative")
        if node not in (asked, alternative) and _NEVER.fullmatch((asked.text or b"").decode("utf-8", "replace")):
            return True
    handlers = [it for it in parent.children if it.type == "catch_clause"]
    if parent.type == "try_statement" and node == parent.child_by_field_name("body") and handlers:
        told = [(it.text or b"").decode("utf-8", "replace") for it in handlers]
        wide = _CATCHERS.get(language.package)
        return any(
            (wide is None or wide.search(it.partition("{")[0])) and not re.search(r"throw|fail", it) for it in told
        )
    return False


@lru_cache
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@lru_cache
def _parser(language: Language) -> Any:
    from tree_sitter import Language as Grammar
    from tree_sitter import Parser

    return Parser(Grammar(getattr(import_module(f"tree_sitter_{language.package}"), language.entry)()))


def _exported(top: Node, source: bytes) -> frozenset[str] | None:
    """The names in the export clauses of a file; None where it has no export at all."""
    exports = [node for node in top.children if node.type == "export_statement"]
    clauses = [child for node in exports for child in node.children if child.type == "export_clause"]
    texts = (source[node.start_byte : node.end_byte].decode("utf-8", "replace") for node in clauses)
    return frozenset(name for text in texts for name in re.findall(r"[\w$]+", text)) if exports else None


def _body(node: Node) -> tuple[Node | None, int]:
    """What holds the members of a declaration, and where its braces begin; nothing where it has none."""
    for _ in range(4):
        if body := node.child_by_field_name("body"):
            if body.type == "ordered_field_declaration_list":  # of a tuple, which has no names to show below it
                return None, 0
            return body, body.start_byte
        for child in node.children:
            if child.type in ("{", "field_declaration_list"):
                return (node if child.type == "{" else child), child.start_byte
        inner = next((it for it in node.children if it.type == "variable_declarator"), None)
        following = inner or node.child_by_field_name("value") or node.child_by_field_name("type")
        if following is None:
            break
        node = following
    return None, 0


def _doc(comments: list[Node], text: Callable[[int, int], str]) -> str:
    """The first line of the comment that stands before a declaration."""
    for comment in comments:
        raw = comment.text or b""
        for line in raw[:2_000].decode("utf-8", "replace").split("\n"):
            if said := " ".join(_MARKS.sub("", _MARKS.sub("", line)).split()):
                return said[:_DOC]
    return ""


def _answers(asked: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for what, suffix, text in asked:
        yield json.dumps({"outline": outline, "names": names, "bare": bare}[what](OF[suffix], text))


def _main() -> None:
    """Answer what is asked (of which kind, a suffix, a text), each with a line, so that none before a crash is lost."""
    import resource

    sys.path.extend(sys.argv[1:])
    with suppress(OSError, ValueError):  # not every system can bound the memory of one process
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in _answers(json.load(sys.stdin)):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()

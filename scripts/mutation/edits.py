"""The wrong changes that one expression or statement can have."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["KINDS", "Edit", "Source", "edits", "same"]

OPERATORS = {"+": "-", "-": "+", "*": "/", "/": "*", "**": "*", "//": "*", "&": "|", "|": "&"}
COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
TOKEN = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.FloorDiv: "//"}
TOKEN |= {ast.BitAnd: "&", ast.BitOr: "|"}
TOKEN_OF_COMPARISON = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
TWINS = ("maximum minimum", "max min", "argmax argmin", "cummax cummin", "any all", "sum mean", "nanmax nanmin")
SWAPPED = {a: b for pair in map(str.split, TWINS) for a, b in (pair, reversed(pair))}
SYMMETRIC = {"maximum", "minimum", "logaddexp", "hypot", "logical_and", "logical_or", "equal", "multiply", "add"}
GUARDS = {"poison", "hide", "clip", "maximum", "minimum", "nan_to_num"}
REDUCTIONS = {"axis", "keepdims", "where", "weights", "initial", "event_ndim", "dtype"}
ATOMS = ast.Name | ast.Call | ast.Attribute | ast.Subscript | ast.Constant | ast.Tuple | ast.List
KINDS = (
    *("operator", "comparison", "constant", "where", "guard", "swapped arguments", "min max", "negation"),
    *("stop_gradient", "axis", "sum mean", "dropped argument"),
)

Edit = tuple[str, Any, str]  # kind, node to replace, text instead


class Source:
    """The text of a file by syntax node; columns of nodes count bytes."""

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self.starts = [0, *itertools.accumulate(len(line) for line in self.data.splitlines(keepends=True))]

    def span(self, node: Any) -> tuple[int, int]:
        begin = self.starts[node.lineno - 1] + node.col_offset
        return begin, self.starts[node.end_lineno - 1] + node.end_col_offset

    def __call__(self, node: ast.AST) -> str:
        begin, end = self.span(node)
        return self.data[begin:end].decode()

    def replaced(self, node: ast.AST, after: str) -> str:
        """The whole text with one node replaced."""
        begin, end = self.span(node)
        return (self.data[:begin] + after.encode() + self.data[end:]).decode()

    def joined(self, node: ast.AST, left: ast.AST, right: ast.AST, token: str, other: str) -> str:
        """``node`` with the operator between two operands replaced."""
        (begin, end), (_, one), (two, _) = map(self.span, (node, left, right))
        middle = self.data[one:two].decode().replace(token, other, 1)
        return self.data[begin:one].decode() + middle + self.data[two:end].decode()


def same(text: str, tree: ast.Module) -> bool:
    """Whether a text has the syntax tree of ``tree`` or is not Python."""
    try:
        return ast.dump(ast.parse(text)) == ast.dump(tree)
    except SyntaxError:
        return True


def edits(root: ast.AST, source: Source) -> Iterator[Edit]:
    """Those of a statement and all within; not in annotations, docstrings, messages and decorators."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            continue
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            body = node.body if isinstance(node.body, list) else [node.body]
            waiting += [*body, *node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        elif isinstance(node, ast.AnnAssign):
            waiting += [node.value] if node.value is not None else []
        elif isinstance(node, ast.ClassDef):
            waiting += node.body
        else:
            waiting += ast.iter_child_nodes(node)
        yield from _edits_of(node, source)


def _edits_of(node: ast.AST, source: Source) -> Iterator[Edit]:
    if isinstance(node, ast.BinOp) and type(node.op) in TOKEN:
        token = TOKEN[type(node.op)]
        text = source.joined(node, node.left, node.right, token, OPERATORS[token])
        yield "operator", node, f"({text})" if token in ("**", "&", "|") else text
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in TOKEN_OF_COMPARISON:
        token = TOKEN_OF_COMPARISON[type(node.ops[0])]
        yield "comparison", node, source.joined(node, node.left, node.comparators[0], token, COMPARISONS[token])
    elif isinstance(node, ast.Constant):
        yield from (("constant", node, text) for text in _near(node.value))
    elif isinstance(node, ast.UnaryOp) and _number(node) is None:
        yield "negation", node, _wrapped(node.operand, source)
    elif isinstance(node, ast.If) and len(node.body) == 1 and isinstance(node.body[0], ast.Raise) and not node.orelse:
        yield "guard", node.body[0], "pass"
    elif isinstance(node, ast.Call):
        yield from _edits_of_call(node, source)


def _edits_of_call(node: ast.Call, source: Source) -> Iterator[Edit]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    plain = [argument for argument in node.args if not isinstance(argument, ast.Starred)]
    texts = [_wrapped(argument, source) for argument in plain]
    if name == "where" and len(plain) == 3:
        yield "where", node, texts[1]
        yield "where", node, texts[2]
    if name == "stop_gradient" and plain:
        yield "stop_gradient", node, texts[0]
    if name in GUARDS and len(plain) >= 2:
        yield "guard", node, texts[1] if name == "hide" else texts[0]
    if name == "blank" and texts[:1] == ["where"]:
        yield "guard", node.args[0], "None"
    crashes = texts[:1] == ["where"] or any(isinstance(argument, ast.Constant) for argument in plain[:1])
    if len(plain) == len(node.args) >= 2 and texts[0] != texts[1] and name not in SYMMETRIC and not crashes:
        yield "swapped arguments", node, _call(node, [plain[1], plain[0], *plain[2:]], node.keywords, source)
    if name in SWAPPED and isinstance(node.func, ast.Attribute):
        kind = "sum mean" if name in ("sum", "mean") else "min max"
        yield kind, node.func, f"{source(node.func.value)}.{SWAPPED[name]}"
    for keyword in node.keywords:
        if keyword.arg in REDUCTIONS:
            rest = [other for other in node.keywords if other is not keyword]
            yield "dropped argument", node, _call(node, node.args, rest, source)
    axes = [keyword.value for keyword in node.keywords if keyword.arg == "axis"]
    for axis in (a for a in (*axes, *node.args[1:2]) if _number(a) == -1):
        yield from (("axis", axis, text) for text in ("-2", "0"))


def _call(node: ast.Call, arguments: list[ast.expr], keywords: list[ast.keyword], source: Source) -> str:
    return f"{source(node.func)}({', '.join(map(source, [*arguments, *keywords]))})"


def _wrapped(node: ast.expr, source: Source) -> str:
    return source(node) if isinstance(node, ATOMS) else f"({source(node)})"


def _number(node: ast.AST) -> float | None:
    """The value of a literal number with or without a minus."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _number(node.operand)
        return None if value is None else -value
    return node.value if isinstance(node, ast.Constant) and type(node.value) in (int, float) else None


def _near(value: object) -> list[str]:
    """Other values of a constant: off by one, twice, half, zero, the other truth."""
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1), str(value - 1) if value > 0 else "2"]
    if isinstance(value, float):
        return ["1.0", "0.5"] if value == 0 else [repr(value * 2), repr(value / 2), "0.0"]
    return []

"""What a template prints where, and whether a user's words can reach a shell unquoted.

A value is free if a spec can make it any text: what it names (sources, locks), and parameters
without choices or a pattern that keep shells' own characters out. Expressions are followed through
filters, conditions, concatenation, loops and assignments; what cannot be followed counts as free.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import nodes

from imgforge.stack import ParameterDeclaration

KNOWN: Final = frozenset(
    {
        "before",
        "files",
        "heeded_globs",
        "inputs",
        "kept",
        "lock",
        "manager",
        "manifests",
        "output",
        "parameters",
        "sources",
        "stage",
        "variables",
        "version",
    }
)
"""What every template is given."""

_OWN: Final = frozenset(
    {
        *("before", "kept", "manager", "output", "stage", "variables", "version"),
        *("lock", "manifests"),
    }
)
"""What the stack's author or imgforge says, not the spec; and paths of locks, whose letters
:data:`imgforge.fields.LockPath` bounds."""

_SHELL: Final = frozenset({"shell_word", "mount_path"})
_INSTRUCTION: Final = frozenset({"word", "paths", "exec_form", "mount_path"})
_PLAIN: Final = frozenset({"length", "count", "int", "float", "abs", "round"})
_NEVER_FREE: Final[tuple[type[nodes.Node], ...]] = (
    nodes.TemplateData,
    nodes.Const,
    nodes.Compare,
    nodes.Not,
    nodes.Test,
)
_SAFE_TEXT: Final = re.compile(r"[\w./+@:,%=-]*", re.ASCII)
_SAFE_PATTERN: Final = re.compile(
    r"(?:\[(?!\^)(?:[\w./+@:,%=-]|\\[dw.\-/+@])*\]|[A-Za-z0-9_/@:,%=-]|\\[dw.\-/+@]"
    r"|[()?*+|^$]|\{\d*,?\d*\}|\(\?[:!=])*",
    re.ASCII,
)
"""Patterns that can match nothing that a shell takes for its own; a bare dot is none."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A free value that a template prints: its line, what is printed, and into what."""

    line: int
    what: str
    shell: bool
    """Whether it stands in a command, not in another instruction."""


def plain(declared: ParameterDeclaration | None) -> bool:
    """Whether no value of a parameter means anything to a shell."""
    if declared is None:
        return False
    if declared.type in {"boolean", "integer"}:
        return True
    if declared.choices:
        return all(_SAFE_TEXT.fullmatch(choice) for choice in declared.choices)
    return declared.pattern is not None and bool(_SAFE_PATTERN.fullmatch(declared.pattern))


def free(tree: nodes.Template, parameters: Mapping[str, ParameterDeclaration]) -> Iterator[Printed]:
    """Yield each place where a template prints a free value that no filter made one word."""
    yield from _Walk(parameters, tree).body(tree.body, {}, _SHELL | _INSTRUCTION)


Scope = dict[str, bool]
"""Names of the template's own → whether what they hold is safe."""


class _Walk:
    """Follows a template; ``quoting`` are always the filters that make a value one word there."""

    def __init__(
        self, parameters: Mapping[str, ParameterDeclaration], tree: nodes.Template
    ) -> None:
        self._parameters = parameters
        self._calls = list(tree.find_all(nodes.Call))
        self._statements: dict[
            type[nodes.Node], Callable[[Any, Scope, frozenset[str]], Iterator[Printed]]
        ] = {
            nodes.Output: self._output,
            nodes.Assign: self._assign,
            nodes.For: self._for,
            nodes.If: self._if,
            nodes.CallBlock: self._call_block,
            nodes.Macro: self._macro,
            nodes.FilterBlock: self._filter_block,
        }
        self._expressions: dict[type[nodes.Node], Callable[[Any, Scope, frozenset[str]], bool]] = {
            nodes.Name: lambda node, scope, _: scope.get(node.name, node.name in _OWN),
            nodes.Getattr: self._member,
            nodes.Getitem: self._member,
            nodes.Filter: self._filtered,
            nodes.Call: self._called,
            nodes.CondExpr: self._conditional,
            **dict.fromkeys(_NEVER_FREE, lambda *_: True),
        }

    def body(
        self, body: Sequence[nodes.Node], scope: Scope, quoting: frozenset[str]
    ) -> Iterator[Printed]:
        """Yield what the statements of ``body`` print."""
        for node in body:
            walk = self._statements.get(type(node))
            if walk is not None:
                yield from walk(node, scope, quoting)
            elif inner := getattr(node, "body", None):  # blocks, with, scopes
                yield from self.body(inner, dict(scope), quoting)

    def _output(
        self, node: nodes.Output, scope: Scope, quoting: frozenset[str]
    ) -> Iterator[Printed]:
        for part in node.nodes:
            if not self._safe(part, scope, quoting):
                yield Printed(part.lineno, _shown(part), quoting == _SHELL)

    def _assign(self, node: nodes.Assign, scope: Scope, _: frozenset[str]) -> Iterator[Printed]:
        _bind(node.target, self._safe(node.node, scope, frozenset()), scope)
        yield from ()

    def _for(self, node: nodes.For, scope: Scope, quoting: frozenset[str]) -> Iterator[Printed]:
        inner = {**scope, "loop": True}
        _bind(node.target, self._safe(node.iter, scope, frozenset()), inner)
        yield from self.body([*node.body, *node.else_], inner, quoting)

    def _if(self, node: nodes.If, scope: Scope, quoting: frozenset[str]) -> Iterator[Printed]:
        yield from self.body([*node.body, *node.elif_, *node.else_], scope, quoting)

    def _call_block(
        self, node: nodes.CallBlock, scope: Scope, _: frozenset[str]
    ) -> Iterator[Printed]:
        for keyword in node.call.kwargs:
            if keyword.key == "shell" and not self._safe(keyword.value, scope, _SHELL):
                yield Printed(keyword.lineno, _shown(keyword.value), True)
        yield from self.body(node.body, dict(scope), _SHELL)

    def _macro(self, node: nodes.Macro, scope: Scope, quoting: frozenset[str]) -> Iterator[Printed]:
        given = {a.name: self._given(node.name, n, a.name) for n, a in enumerate(node.args)}
        yield from self.body(node.body, {**scope, **given}, quoting)

    def _given(self, macro: str, number: int, name: str) -> bool:
        """Whether every call gives a macro something safe as this argument."""
        calls = [c for c in self._calls if isinstance(c.node, nodes.Name) and c.node.name == macro]
        values = [c.args[number] for c in calls if len(c.args) > number]
        values += [k.value for c in calls for k in c.kwargs if k.key == name]
        return all(self._safe(value, {}, frozenset()) for value in values)

    def _filter_block(
        self, node: nodes.FilterBlock, scope: Scope, quoting: frozenset[str]
    ) -> Iterator[Printed]:
        if node.filter.name not in quoting:
            yield from self.body(node.body, dict(scope), quoting)

    def _safe(self, node: nodes.Node, scope: Scope, quoting: frozenset[str]) -> bool:
        """Whether nothing free can come out of an expression without one of the filters."""
        judge = self._expressions.get(type(node))
        if judge is not None:
            return judge(node, scope, quoting)
        # Lists, concatenations and sums are as safe as their parts.
        return all(self._safe(part, scope, quoting) for part in node.iter_child_nodes())

    def _member(
        self, node: nodes.Getattr | nodes.Getitem, scope: Scope, quoting: frozenset[str]
    ) -> bool:
        if isinstance(node.node, nodes.Name) and node.node.name == "parameters":
            name = member(node)
            return name is not None and plain(self._parameters.get(name))
        return self._safe(node.node, scope, quoting)

    def _filtered(self, node: nodes.Filter, scope: Scope, quoting: frozenset[str]) -> bool:
        first = node.args[0] if node.args else None
        mapped = isinstance(first, nodes.Const) and first.value in quoting
        if node.name in quoting | _PLAIN or (node.name == "map" and mapped):
            return True
        parts = [*node.args, *([node.node] if node.node is not None else [])]
        return bool(parts) and all(self._safe(part, scope, quoting) for part in parts)

    def _called(self, node: nodes.Call, scope: Scope, quoting: frozenset[str]) -> bool:
        # Macros quote what they print: of steps.j2 all do, those of the template are walked.
        return isinstance(node.node, nodes.Name) or all(
            self._safe(part, scope, quoting) for part in (node.node, *node.args)
        )

    def _conditional(self, node: nodes.CondExpr, scope: Scope, quoting: frozenset[str]) -> bool:
        parts = [node.expr1, *([node.expr2] if node.expr2 is not None else [])]
        return all(self._safe(part, scope, quoting) for part in parts)


def _bind(target: nodes.Node, safe: bool, scope: Scope) -> None:  # noqa: FBT001 - as a value
    names = [target] if isinstance(target, nodes.Name) else target.find_all(nodes.Name)
    for name in names:
        scope[name.name] = safe


def member(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """Return which member is taken, None if that is computed."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return str(node.arg.value) if isinstance(node.arg, nodes.Const) else None


def members(tree: nodes.Template, of: str) -> tuple[list[tuple[str, int]], bool]:
    """Return the members of the table ``of`` that a template takes, with their lines.

    And whether it takes others too, which cannot be told from its text.
    """
    found: list[tuple[str, int]] = []
    taken: set[int] = set()
    other = False
    taking: list[nodes.Getattr | nodes.Getitem] = [
        *tree.find_all(nodes.Getattr),
        *tree.find_all(nodes.Getitem),
    ]
    for node in taking:
        if isinstance(node.node, nodes.Name) and node.node.name == of:
            taken.add(id(node.node))
            name = member(node)
            if name is None:
                other = True
            else:
                found.append((name, node.lineno))
    whole = any(n.name == of and id(n) not in taken for n in tree.find_all(nodes.Name))
    return found, other or whole


def bound(tree: nodes.Template) -> Iterator[str]:
    """Yield the names that a template imports, sets, defines or takes as arguments."""
    for imported in tree.find_all(nodes.FromImport):
        for name in imported.names:
            yield name[1] if isinstance(name, tuple) else name
    for whole in tree.find_all(nodes.Import):
        yield whole.target
    for macro in tree.find_all(nodes.Macro):
        yield macro.name
    yield from (used.name for used in tree.find_all(nodes.Name) if used.ctx != "load")


def _shown(node: nodes.Node) -> str:
    """Return how an expression reads, for a message."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return f"{_shown(node.node)}.{member(node) or '...'}"
    if isinstance(node, nodes.Filter) and node.node is not None:
        return f"{_shown(node.node)} | {node.name}"
    inner = next((_shown(n) for n in node.iter_child_nodes() if not isinstance(n, nodes.Const)), "")
    return inner or type(node).__name__.lower()

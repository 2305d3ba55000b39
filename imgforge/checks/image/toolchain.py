"""IF032: compilers, linkers, debuggers and headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.programs import found
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF032",
    Severity.MEDIUM,
    "The image has a compiler or debugger",
    why="An intruder compiles what he needs for this very kernel and processor, so nothing has to"
    " be brought along that a scanner would know. A debugger reads the memory of other processes"
    " of the same user, keys and passwords included. Nothing of this is needed to run.",
    remedy="Compile in a build stage and copy the result; or allow it: allow-compiler in the"
    " policy, and compiler among the tools in the spec's [run].",
    example="RUN apt-get install -y gcc && make # one stage: the compiler is shipped\n\nFROM"
    " builder AS build\nRUN make\nFROM runtime\nCOPY --from=build /src/app /app",
    references=("CIS Docker Benchmark 4.3", "NIST SP 800-190 4.1.2", "NIST SP 800-190 4.4.4"),
)

IDENTITIES: Final = frozenset({"gcc", "clang", "tcc", "ld", "as", "go", "rustc", "javac"})
_NAME: Final = re.compile(
    r"(?:[a-z0-9_]+-(?:[a-z0-9_]+-)?linux-(?:gnu|musl)[a-z0-9_]*-)?"
    r"(?:gcc|g\+\+|cc|c\+\+|cpp|c89|c99|clang|clang\+\+|tcc|gfortran|gccgo|gnat|ld|ld\.bfd|ld\.gold"
    r"|ld\.lld|lld|mold|gold|as|go|gofmt|rustc|cargo|javac|make|gmake|cmake|ninja|meson|gdb"
    r"|gdbserver|lldb|lldb-server|strace|ltrace|valgrind|dlv|objdump|yasm|nasm|ghc|ocamlopt|swiftc"
    r"|dotnet-sdk|node-gyp|tsc)"
    r"(?:-[0-9]+(?:\.[0-9]+)*)?"
)
_HEADERS: Final = {"stdio.h": "C library", "Python.h": "Python", "jni.h": "Java"}


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find programs by name (with a target before and a version behind) and by content."""
    if policy.allow_compiler:
        return
    names = {name for name in image.commands if _NAME.fullmatch(name)}
    yield from found(image, RULE, "a tool to compile or debug with", names, IDENTITIES)
    for name, owner in _HEADERS.items():
        for path in image.named(name):
            if "/include/" in f"/{path}":
                message = f"/{path}: the headers of {owner} are only needed to compile"
                yield RULE.finding(message, path=path, severity=Severity.LOW)

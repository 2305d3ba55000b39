"""Which program an executable is, by strings that it contains and others do not.

A shell called ``/app/helper`` is a shell. The strings are their sources' own, and were compared
with the binaries of Debian 12 and with thousands of others, which mention such programs in
completions, help and error messages without being one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from imgforge.analysis.known import TABLE


class Mark(NamedTuple):
    """One string, by the number of its signature."""

    signature: int
    text: bytes


class _Signature(NamedTuple):
    """A program is ``name`` if it contains all of ``texts``; the first signature counts."""

    name: str
    texts: tuple[bytes, ...]
    script: bool = False


_SIGNATURES: Final = (
    # Programs of many names come first: they contain the messages of others.
    _Signature("busybox", (b"BusyBox v", b"can't access tty; job control turned off")),
    _Signature("busybox", (b"BusyBox v", b"multi-call binary")),
    _Signature("toybox", (b"Toybox %s multicall binary",)),
    _Signature("bash", (b"@(#)Bash version",)),
    _Signature("mksh", (b"@(#)MIRBSD KSH",)),
    _Signature("mksh", (b"@(#)LEGACY KSH",)),
    _Signature("ksh", (b"@(#)$Id: Version", b"KSH_VERSION")),
    _Signature("zsh", (b"ZSH_VERSION", b"zsh/parameter")),
    _Signature("fish", (b"FISH_DEBUG_OUTPUT", b"fish_default_key_bindings")),
    _Signature("dash", (b"can't access tty; job control turned off", b"Illegal option -%c")),
    _Signature("pwsh", (b"hostfxr_main", b"\0pwsh.dll\0")),
    _Signature("apt", (b"_Z16ParseCommandLineR11CommandLine7APT_CMD", b"_Z5DoMooR11CommandLine")),
    _Signature("dpkg", (b"DPKG_FORCE", b"error reading from dpkg-deb pipe")),
    _Signature("apk", (b"apk-tools %s, compiled for %s",)),
    _Signature("apk", (b"This apk has coffee making abilities.",)),
    _Signature("rpm", (b"rpmInstallPoptTable", b"rpmcliAllPoptTable")),
    _Signature("dnf", (b"from dnf.cli import main",), script=True),
    _Signature("dnf", (b"libdnf5", b"dnf5::")),
    _Signature("pip", (b"from pip._internal.cli.main import main",), script=True),
    _Signature("gcc", (b"%{!fsyntax-only:%(invoke_as)}",)),
    _Signature("clang", (b"_Z8cc1_mainN4llvm8ArrayRef",)),
    _Signature("clang", (b"_Z10clang_mainiPPc",)),
    _Signature("tcc", (b"usage: tcc -ar [rcsv] lib file...",)),
    _Signature("ld", (b"built in linker script", b"using internal linker script:")),
    _Signature("ld", (b"N4gold15General_options",)),
    _Signature("ld", (b"_ZN3lld11safeLldMainE",)),
    _Signature("as", (b"GNU assembler %s", b"Assembler messages:")),
    _Signature("go", (b"cmd/go/internal/work.", b"cmd/go/internal/modload.")),
    _Signature("rustc", (b"_12rustc_driver4main",)),
    _Signature("javac", (b"jdk.compiler/com.sun.tools.javac.Main",)),
    _Signature("curl", (b"curl_easy_perform", b"Usage: curl [options...] <url>")),
    _Signature("wget", (b"Wget/%s", b"WGET_ASKPASS")),
    _Signature("wget", (b"WGET2_PLUGINS",)),
    _Signature("netcat", (b"usage: nc [-",)),
    _Signature("netcat", (b"gethostpoop fuxored",)),
    _Signature("netcat", (b"Usage: ncat [options] [hostname] [port]",)),
    _Signature("sudo", (b"sudo_conf_plugins_v1", b"policy plugin failed session initialization")),
    _Signature("sudo", (b"src/sudo/cli/mod.rs", b"cannot open sudoers")),
    _Signature("doas", (b"usage: doas [-",)),
    _Signature("su", (b"FAILED SU ",)),
    _Signature("sshd", (b"sshd version %s, %s",)),
    _Signature("dropbear", (b"SSH-2.0-dropbear_", b"dropbear.pid")),
)

GO: Final = Mark(-1, b"\xff Go buildinf:")
"""What Go's linker writes before what it has to say; no program is known by it."""

KNOWN: Final = {Mark(-2 - number, entry.mark): entry for number, entry in enumerate(TABLE)}
"""What stands beside a version, by mark."""

MARKS: Final = (
    *(GO, *KNOWN),
    *(Mark(index, text) for index, entry in enumerate(_SIGNATURES) for text in entry.texts),
)
"""Every string, for an engine that looks for all at once."""


def identify(marks: Collection[Mark], *, script: bool) -> str:
    """Return the name of the program in which ``marks`` were found; empty if it is none."""
    for index, entry in enumerate(_SIGNATURES):
        if entry.script == script and all(Mark(index, text) in marks for text in entry.texts):
            return entry.name
    return ""

"""IF223: a user's words in a shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack import expressions
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF223",
    Severity.HIGH,
    "A value of the spec is printed into a command unquoted",
    why=(
        "A space in it makes two words, a semicolon another command: whoever may write a spec may "
        "then run what they like in the build, beside secrets and with the stack's network, and "
        "who only has an odd file name gets an error that nobody understands. Choices and patterns "
        "that keep such characters out make a parameter safe everywhere."
    ),
    remedy=(
        'Print it with | shell_word (several with | map("shell_word") | join(" ")), or bound the '
        "parameter with choices or a pattern."
    ),
    example="""\
make {{ parameters.target }}
# better
make {{ parameters.target | shell_word }}
""",
    references=("CWE-78", "OWASP OS Command Injection"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Follow what each template prints."""
    # Files that imgforge makes are data, which no shell and no engine reads.
    data = {name for _, stage in subject.stages() for name in stage.files.values()}
    for name, tree in subject.trees.items():
        if name in data:
            continue
        for printed in expressions.free(tree, subject.stack.definition.parameters):
            place = "a command" if printed.shell else "an instruction"
            message = f"{printed.what} is printed into {place} as the spec has it"
            yield RULE.finding(
                message, path=subject.path(name), line=printed.line, key=printed.what
            )

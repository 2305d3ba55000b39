"""What an application changes of its stack's stages: its steps, and the blocks it replaces.

Whether the stack has what they name is demanded where a plan is compiled, and wherever a spec meets
a stack: a new version may have lost a block, which whoever locks it shall learn at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from imgforge import template
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.choice import Choice
    from imgforge.spec import Spec
    from imgforge.stack import LoadedStack, StageDeclaration


def demand(spec: Spec, stack: LoadedStack, choice: Choice, blocks: Mapping[str, str]) -> None:
    """Demand that steps and ``blocks`` (STAGE.BLOCK → text) name what the stack has.

    InvalidInputError if not, and if a block's text changes other blocks.
    """
    stages = {declared.name: declared for declared in choice.stages}
    wrong = [f"step {s.name!r}: no stage {s.stage!r}" for s in spec.build.steps]
    wrong = [w for w, s in zip(wrong, spec.build.steps, strict=True) if s.stage not in stages]
    wrong += [
        f"block {name!r}: no stage {name.partition('.')[0]!r}"
        for name in blocks
        if name.partition(".")[0] not in stages
    ]
    if wrong:
        raise InvalidInputError(
            "the spec changes stages that its stack does not have",
            details=wrong,
            hint=f"stages: {', '.join(sorted(stages)) or 'none'}",
        )
    for name, text in blocks.items():
        _demand_inside(text, name)
    for stage, declared in stages.items():
        named = [name.partition(".")[2] for name in blocks if name.startswith(f"{stage}.")]
        if named:
            _demand_there(declared, stack, named)


def _demand_there(declared: StageDeclaration, stack: LoadedStack, blocks: Collection[str]) -> None:
    about, text = stack.definition, stack.templates[declared.template]
    name = f"{about.name}/{declared.template}"
    known = template.outline(text, name, trusted=stack.trusted).blocks
    if unknown := set(blocks) - known:
        raise InvalidInputError(
            f"{about.name} {about.version} has no block {', '.join(sorted(unknown))} in the stage "
            f"{declared.name}",
            hint=f"its blocks: {', '.join(sorted(known)) or 'none'}; [stack.blocks] names them",
        )


def _demand_inside(text: str, name: str) -> None:
    """Demand that a block's text is just that; InvalidInputError if it changes other blocks."""
    found = template.outline(text, name, trusted=False)
    if found.blocks or found.extends:
        raise InvalidInputError(
            f"block {name} holds blocks of its own, or extends a template",
            details=sorted(found.blocks),
            hint="[stack] blocks names each block that is replaced, with a file of its own",
        )

"""Write docs/reference from the code; ``--check`` only compares and fails on a difference."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgforge.stack import LoadedStack

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Written by `make docs` from the code; edits here are lost. -->\n\n"


def main() -> int:
    """Write or compare every page; return the exit code."""
    stale = []
    written = pages()
    for path in sorted(FOLDER.glob("*/*.md")):
        name = path.relative_to(FOLDER).as_posix()
        if name in written:
            continue
        # The page of a rule that is gone would go on being believed.
        if "--check" in sys.argv:
            stale.append(name)
        else:
            path.unlink()
    for name, text in written.items():
        path = FOLDER / name
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    for name in stale:
        print(f"docs/reference/{name} is stale: run make docs", file=sys.stderr)
    return 1 if stale else 0


def pages() -> dict[str, str]:
    """Return every generated page: file name → text."""
    from imgforge.cli.schema import SCHEMAS

    return {
        "cli.md": cli(),
        "spec.md": spec(),
        "config.md": config(),
        "policy.md": policy(),
        "checks.md": checks(),
        **check_pages(),
        "stacks.md": stacks(),
        "bases.md": bases(),
        "exit-codes.md": exit_codes(),
        **{
            f"{'imgforge' if of == 'spec' else of}.schema.json": json.dumps(made(), indent=2) + "\n"
            for of, made in SCHEMAS.items()
        },
    }


def cli() -> str:
    """Return the page of all commands."""
    from imgforge.cli import COMMANDS
    from imgforge.cli.main import overview

    for name in [n for n in os.environ if n.startswith(("IMGFORGE_", "SOURCE_DATE_EPOCH"))]:
        del os.environ[name]
    out = f"# Commands\n\n{NOTE}```\n{overview()}\n```\n"
    out += "\nEvery flag can also be given in the environment, as its last column says.\n"
    for name in COMMANDS:
        out += _command(
            f"imgforge {name}", importlib.import_module(f"imgforge.cli.{name}").parser()
        )
    return out


def _command(name: str, parser: argparse.ArgumentParser, level: str = "##") -> str:
    """Write one command and the verbs below it."""
    examples = "\n".join(line.strip() for line in (parser.usage or "").strip().splitlines())
    out = f"\n{level} {name}\n\n{parser.description}\n\n```sh\n{examples}\n```\n"
    actions = parser._actions[1:]  # noqa: SLF001 - argparse offers no other way
    verbs = [a for a in actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001
    if rows := [_row(action) for action in actions if action not in verbs]:
        out += "\n| argument | meaning | environment |\n| --- | --- | --- |\n" + "".join(rows)
    for verb, below in (item for action in verbs for item in action.choices.items()):
        out += _command(f"{name} {verb}", below, f"{level}#")
    return out


def _row(action: argparse.Action) -> str:
    """Write one argument; argparse's own layout differs between Python versions."""
    value = action.metavar or (f"{{{','.join(action.choices)}}}" if action.choices else "")
    if action.option_strings and action.nargs != 0:
        value = value or action.dest.upper()
    name = ", ".join(action.option_strings) or (value or action.dest)
    shown = f"{name} {value}".strip() if action.option_strings else name
    found = re.fullmatch(r"(.*?)(?: \[(\w+)\])?", action.help or "")
    about, variable = (found[1], found[2] or "") if found else ("", "")
    cells = (f"`{shown}`", about, f"`{variable}`" if variable else "")
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |\n"


def spec() -> str:
    """Return the page of every key of a spec."""
    from imgforge.plan import DEFAULT_EXCLUDE
    from imgforge.spec import json_schema

    schema = json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    out = f"# imgforge.toml\n\n{NOTE}"
    out += "Unknown keys and wrong types are errors. `imgforge schema` prints the JSON Schema.\n"
    for table, value in schema["properties"].items():
        name = re.search(r"#/\$defs/(\w+)", json.dumps(value))
        if name is None:
            out += f"\n## [{table}]\n\n{value.get('description', '')}\n"
            continue
        out += _table(table, definitions[name[1]], definitions)
    out += "\n## What is always left out of the context\n\n"
    return out + " ".join(f"`{p}`" for p in DEFAULT_EXCLUDE) + "\n"


def policy() -> str:
    """Return the page of every key of a policy."""
    from imgforge.policy import keys
    from imgforge.severity import LEVELS

    out = f"# policy.toml\n\n{NOTE}"
    out += (
        "What holds for images, given with `--policy`, or pinned by [the settings](config.md). "
        "Unknown keys and wrong types are errors. `imgforge schema --of policy` prints the JSON "
        "Schema, `imgforge policy show` the policy that holds. Days count in UTC; globs are "
        "matched whole, and `*` crosses `/`. How to use it: [the policy](../how-to/policy.md).\n"
    )
    for header, (about, members) in keys.TABLES.items():
        out += f"\n## {header}\n\n{about}\n" if header else f"\n{about}\n"
        if not members:
            out += "\nEach key is the id of a [check](checks.md), each value one of "
            out += ", ".join(f"`{level}`" for level in LEVELS) + ".\n"
            continue
        out += "\n| key | value | required | meaning |\n| --- | --- | --- | --- |\n"
        for name, key in members.items():
            cells = (f"`{name}`", key.kind.name, "yes" if key.required else "", key.about)
            out += f"| {' | '.join(cells)} |\n"
    return out


def config() -> str:
    """Return the page of every key of the settings, and the variable that stands for each."""
    from imgforge import settings

    variables = settings.variables.names()
    out = f"# config.toml\n\n{NOTE}"
    out += (
        "Settings of a machine or an organisation, in the file that `IMGFORGE_CONFIG` names, else "
        "`$XDG_CONFIG_HOME/imgforge/config.toml`, else `/etc/imgforge/config.toml`; the first that "
        "exists is the only one read. Unknown keys and wrong types are errors. Variables win over "
        "the file, key by key; none stands for a key of `[policy]`, which "
        "counts in the machine's file even where another one is read. Paths in the file are "
        "relative to its folder. Nothing here changes what a lock pins, only where the bytes come "
        "from.\n"
    )
    schema = settings.Settings.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema["$defs"]
    rows = ""
    for table, value in schema["properties"].items():
        name = re.search(r"#/\$defs/(\w+)", json.dumps(value))
        if name is None:
            rows = _keys((), {table: value}, definitions, variables) + rows
            continue
        rows += _settings_table((table,), definitions[name[1]], definitions, variables)
    return out + rows


def _settings_table(
    place: tuple[str, ...],
    about: dict[str, Any],
    definitions: dict[str, Any],
    variables: dict[tuple[str, ...], str],
) -> str:
    """Return a table's section; tables within it that are alike share one."""
    alike: dict[str, list[str]] = {}
    plain = {}
    for key, value in about["properties"].items():
        name = re.search(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(value))
        if name and not variables.keys() & {(*place, key)}:
            alike.setdefault(name[1], []).append(key)
        else:
            plain[key] = value
    out = f"\n## [{'.'.join(place)}]\n\n{about['description']}\n"
    out += _keys(place, plain, definitions, variables)
    for model, keys in alike.items():
        within = definitions[model]
        out += f"\n## [{'.'.join(place)}.…]: {', '.join(keys)}\n\n{within['description']}\n"
        name = {
            (*place, "…", key): f"{variables[*place, keys[0], key]}" for key in within["properties"]
        }
        name = {k: v.replace(keys[0].upper(), "…") for k, v in name.items()}
        out += _keys((*place, "…"), within["properties"], definitions, name)
    return out


def _keys(
    table: tuple[str, ...],
    properties: dict[str, Any],
    definitions: dict[str, Any],
    variables: dict[tuple[str, ...], str],
) -> str:
    out = "\n| key | type | default | meaning | environment |\n| --- | --- | --- | --- | --- |\n"
    for key, value in properties.items():
        place = (*table, key)
        cells = (
            f"`{key}`",
            _type(value, definitions),
            f"`{json.dumps(value.get('default'))}`",
            value.get("description", "").replace("|", "\\|"),
            f"`{variables[place]}`" if place in variables else "",
        )
        out += f"| {' | '.join(cells)} |\n"
    return out


def _table(name: str, definition: dict[str, Any], definitions: dict[str, Any]) -> str:
    out = f"\n## [{name}]\n\n{definition.get('description', '')}\n\n"
    out += "| key | type | default | meaning |\n| --- | --- | --- | --- |\n"
    required = definition.get("required", ())
    for key, value in definition.get("properties", {}).items():
        default = "required" if key in required else f"`{json.dumps(value.get('default'))}`"
        about = value.get("description", "").replace("|", "\\|")
        out += f"| `{key}` | {_type(value, definitions)} | {default} | {about} |\n"
    return out


def _type(value: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "anyOf" in value:
        kinds = [_type(v, definitions) for v in value["anyOf"] if v.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in value:
        target = definitions[value["$ref"].rsplit("/", 1)[1]]
        keys = ", ".join(f"`{key}`" for key in target.get("properties", {}))
        return f"table of {keys}"
    if value.get("type") == "array":
        return f"array of {_type(value.get('items', {}), definitions)}"
    if value.get("type") == "object":
        return "table"
    return str(value.get("type", "any"))


def checks() -> str:
    """Return the page that lists all checks by group, and the profiles."""
    from imgforge.checks import profiles
    from imgforge.checks.rules import RULES
    from imgforge.report import explanation

    out = f"# Checks\n\n{NOTE}`imgforge explain ID` prints the same as a check's page.\n"
    for group in explanation.GROUPS:
        if members := group.rules(RULES):
            out += f"\n## {group.title}\n\n| id | severity | finds |\n| --- | --- | --- |\n"
            out += "".join(f"| {_link(r.id)} | {r.severity} | {r.title} |\n" for r in members)
    known = {rule.id for rule in RULES}
    for profile in profiles.PROFILES.values():
        out += f"\n## Profile {profile.name}\n\n{profile.title} ({profile.source}).\n\n"
        out += "| practice | asks | decided by | beyond that |\n| --- | --- | --- | --- |\n"
        for practice in profile.practices:
            rules = ", ".join(_link(rule) for rule in practice.rules if rule in known)
            cells = (practice.id, practice.title, rules or "not decidable", practice.beyond)
            out += f"| {' | '.join(cells)} |\n"
    return out


def _link(rule: str) -> str:
    return f"[{rule}](checks/{rule}.md)"


def check_pages() -> dict[str, str]:
    """Return a page for each check: file name to text."""
    from imgforge.checks.rules import RULES
    from imgforge.report import explanation

    return {
        f"checks/{rule.id}.md": f"# {rule.id}: {rule.title}\n\n{NOTE}"
        f"Severity: {rule.severity}, if not milder in a case. [All checks](../checks.md)\n\n"
        f"{explanation.markdown(rule)}"
        for rule in RULES
    }


def stacks() -> str:
    """Return the page of the stacks, and of all that a ``stack.toml`` may say."""
    from imgforge import stack

    out = f"# Stacks\n\n{NOTE}"
    for name in stack.names():
        out += _stack(stack.load(name))
    schema = stack.Definition.model_json_schema(by_alias=True)
    tables: dict[str, Any] = schema["$defs"]
    out += "\n## A stack\n\nA folder with `stack.toml` and templates. Unknown keys are errors.\n"
    out += _members(schema, tables)
    for title, value in tables.items():
        about = " ".join(value.get("description", "").split()).replace("``", "`")
        out += f"\n### {title}\n\n{about}\n{_members(value, tables)}"
    return out


def _stack(loaded: LoadedStack) -> str:
    from imgforge import template
    from imgforge.stack import alternatives

    definition = loaded.definition
    out = f"\n## {definition.name} {definition.version}\n\n{definition.summary}.\n\n"
    out += "| version | runtime base | builder base |\n| --- | --- | --- |\n"
    for version, offer in definition.versions.items():
        default = " (default)" if version == definition.default else ""
        out += f"| {version}{default} | {offer.runtime} | {offer.builder or 'none'} |\n"
    if definition.locks:
        out += f"\n| lock ({definition.lock}) | of | made by |\n| --- | --- | --- |\n"
    for kind in definition.locks:
        out += f"| `{kind.file}` | {kind.manager} | `{kind.mend}` |\n"
    if definition.parameters:
        out += "\n| parameter | default | meaning |\n| --- | --- | --- |\n"
    for key, declared in definition.parameters.items():
        choices = f" One of {', '.join(declared.choices)}." if declared.choices else ""
        out += f"| `{key}` | `{json.dumps(declared.default)}` | {declared.doc}{choices} |\n"
    if definition.stages:
        out += "\n| stage | network | exists when | blocks |\n| --- | --- | --- | --- |\n"
    for stage in definition.stages:
        when = " or ".join(
            ", ".join(f"{k} = {json.dumps(v)}" for k, v in each.items())
            for each in alternatives(stage)
        )
        text = loaded.templates[stage.template]
        found = template.outline_here(text, stage.name).blocks
        blocks = ", ".join(f"`{stage.name}.{block}`" for block in sorted(found))
        network = ", ".join(stage.indexes) or "yes" if stage.network else "none"
        out += f"| {stage.name} | {network} | {when or 'always'} | {blocks or 'none'} |\n"
    return out


def bases() -> str:
    """Return the page of the base definitions, and of all that a definition may say."""
    from imgforge import bases as all_bases
    from imgforge.bases import definitions

    out = f"# Bases\n\n{NOTE}"
    out += "A plain name is the first suite's base; another suite's is called `NAME-SUITE`.\n\n"
    out += "| base | on | suite | ABI line | packages | end of life | for |\n"
    out += "| --- | --- | --- | --- | --- | --- | --- |\n"
    for name in all_bases.names():
        d = all_bases.definition(name)
        for number, (suite, made) in enumerate(d.suite.items()):
            called = name if number == 0 else f"{name}-{suite}"
            packages = ", ".join((*d.packages, *made.packages))
            line = definitions.abi(definitions.chain(called))
            cells = (called, d.parent or "", suite, line, packages, made.end_of_life, d.summary)
            out += f"| {' | '.join(map(str, cells))} |\n"
    schema = definitions.Definition.model_json_schema(by_alias=True)
    tables: dict[str, Any] = schema["$defs"]
    out += "\n## A definition\n\nOne file a base, `NAME.toml`. Unknown keys are errors.\n"
    out += _members(schema, tables)
    for title, value in tables.items():
        about = " ".join(value.get("description", "").split()).replace("``", "`")
        out += f"\n### {title}\n\n{about}\n{_members(value, tables)}"
    return out


def _members(value: dict[str, Any], tables: dict[str, Any]) -> str:
    members: dict[str, Any] = value.get("properties", {})
    told = any("description" in member for member in members.values())
    out = "\n| key | type | default |" + (" meaning |" if told else "")
    out += "\n| --- | --- | --- |" + (" --- |" if told else "") + "\n"
    required = value.get("required", ())
    for key, member in members.items():
        links = re.findall(r"#/\$defs/(\w+)", json.dumps(member))
        kind = " or ".join(f"[{n}](#{n.lower()})" for n in dict.fromkeys(links))
        if not kind:
            kind = f"`{member['const']}`" if "const" in member else _type(member, tables)
        default = "required" if key in required else f"`{json.dumps(member.get('default'))}`"
        out += f"| `{key}` | {kind} | {'' if links else default} |"
        about = " ".join(member.get("description", "").split()).replace("|", "\\|")
        out += f" {about} |\n" if told else "\n"
    return out


def exit_codes() -> str:
    """Return the page of the exit codes."""
    from imgforge.errors import ERRORS

    out = f"# Exit codes\n\n{NOTE}| code | meaning |\n| --- | --- |\n"
    out += "| 0 | done, every gate held |\n| 1 | a bug: a log was saved, please report it |\n"
    for error in ERRORS:
        about = " ".join((error.__doc__ or "").split())
        out += f"| {error.exit_code} | {error.title}: {about} |\n"
    return out + "| 130 | interrupted; what was there before is still there |\n"


if __name__ == "__main__":
    sys.exit(main())

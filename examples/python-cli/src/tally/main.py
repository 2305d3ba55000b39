"""The command ``tally``."""

from __future__ import annotations

import json
from typing import TextIO

import click
from rich.console import Console
from rich.table import Table

from tally.table import Group, TableError, groups


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@click.option("--by", required=True, metavar="COLUMN", help="Gather the rows by this column.")
@click.option("--add", metavar="COLUMN", help="Add up this column.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
def main(file: TextIO, by: str, add: str | None, *, as_json: bool) -> None:
    """Count the rows of a CSV FILE (standard input by default) by the values of a column."""
    try:
        found = groups(file, by, add)
    except TableError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        rows = [{by: g.value, "rows": g.rows, "total": str(g.total)} for g in found]
        click.echo(json.dumps(rows))
    else:
        _show(found, by, add)


def _show(found: list[Group], by: str, add: str | None) -> None:
    table = Table(by, "rows", *([f"total of {add}"] if add else []))
    for group in found:
        table.add_row(group.value, str(group.rows), *([str(group.total)] if add else []))
    Console().print(table)


if __name__ == "__main__":
    main()

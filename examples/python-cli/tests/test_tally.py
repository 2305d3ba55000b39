from __future__ import annotations

import json
import unittest
from decimal import Decimal

from click.testing import CliRunner

from tally.main import main
from tally.table import Group, TableError, groups

SALES = ["city,amount\n", "Bern,2.50\n", "Rome,10\n", "Bern,1\n"]


class Tally(unittest.TestCase):
    def test_rows_are_counted_and_added_up(self) -> None:
        found = groups(SALES, "city", "amount")
        self.assertEqual(found, [Group("Rome", 1, Decimal(10)), Group("Bern", 2, Decimal("3.50"))])

    def test_a_column_that_is_not_there_and_what_is_no_number(self) -> None:
        with self.assertRaisesRegex(TableError, "no column 'town': city, amount"):
            groups(SALES, "town", None)
        with self.assertRaisesRegex(TableError, "line 2: 'x' is no number"):
            groups(["a,b\n", "1,x\n"], "a", "b")

    def test_the_command_reads_standard_input(self) -> None:
        said = CliRunner().invoke(main, ["--by", "city", "--json"], input="".join(SALES))
        self.assertEqual(json.loads(said.output)[0], {"city": "Bern", "rows": 2, "total": "0"})
        self.assertEqual(CliRunner().invoke(main, ["--by", "x"], input="a\n").exit_code, 1)


if __name__ == "__main__":
    unittest.main()

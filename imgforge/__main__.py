"""``python -m imgforge``."""

import sys

from imgforge.cli.main import main

sys.exit(main())

"""Where the programs are that imgforge's bases bring, for specs that are written for people."""

from __future__ import annotations

from typing import Final

PYTHON: Final = "/usr/bin/python3"
NODE: Final = "/nodejs/bin/node"
JAVA: Final = "/usr/bin/java"
RUBY: Final = "/usr/bin/ruby"
PHP: Final = "/usr/bin/php"
NGINX: Final = "/usr/sbin/nginx"

PROGRAMS: Final = {
    "python": PYTHON,
    "python3": PYTHON,
    "node": NODE,
    "nodejs": NODE,
    "java": JAVA,
    "ruby": RUBY,
    "php": PHP,
    "nginx": NGINX,
}
"""What a program that would be looked up in PATH is in the bases."""

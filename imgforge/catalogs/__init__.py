"""Where stacks come from: imgforge's own, and the catalogs that settings name.

A spec names a stack. Which catalog that means is decided without asking anybody, and never by an
order: two catalogs with one name are an error until the spec says which (:mod:`.choosing`). What is
found is pinned in the lock (:mod:`.opening`).
"""

from __future__ import annotations

from typing import Final

BUILTIN: Final = "imgforge"
"""What the catalog of imgforge's own stacks is called."""

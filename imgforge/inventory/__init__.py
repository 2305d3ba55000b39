"""What is inside an image, whoever says so: components, where each came from, what needs what.

An inventory is made from an image's facts and what its project declared, or read back from an SBOM;
whatever lists, compares, matches or judges components takes one and need not know which.
"""

from imgforge.inventory.component import Component, Inventory, System
from imgforge.inventory.declared import Declared
from imgforge.inventory.found import of

__all__ = ["Component", "Declared", "Inventory", "System", "of"]

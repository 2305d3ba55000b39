"""imgforge: one declarative spec in, one proven and signed container image out."""

__version__ = "0.1.0"

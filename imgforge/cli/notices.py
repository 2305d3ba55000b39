"""``imgforge notices``."""

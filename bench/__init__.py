"""Repeatable comparisons with other tools; see __main__."""

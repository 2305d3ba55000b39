"""Known vulnerabilities: a database made from OSV dumps, and what of it concerns components.

Nothing here asks a network while it matches: what is known is what was imported.
"""

"""Licences: what a policy says of them (:mod:`.judged`), and their texts as notices."""

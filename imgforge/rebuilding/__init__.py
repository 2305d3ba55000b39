"""Making an image again from its provenance, and comparing what comes of it.

:mod:`.origin` finds the files that it was made from, :mod:`.again` builds them the same way,
:mod:`.compared` says how the two images differ.
"""

"""Software bills of materials: pure functions from facts to documents, the same for the same image.

Identifiers come from digests and the time is the build's, so a document can be made again and
compared. Written as plain data: the reference libraries take longer to import than all else.
"""

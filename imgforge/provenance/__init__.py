"""How an image was made: in-toto SLSA provenance v1 predicates (slsa.dev/spec/v1.0/provenance).

The build types are described in docs/reference/build-type.md. Nothing in a predicate depends on
the clock or the machine: the same build has the same provenance. :mod:`.build` and :mod:`.base`
write them, :mod:`.told` reads anybody's, :mod:`.complete` says whether an image could be built
again from one.
"""

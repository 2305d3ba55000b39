"""The workshop: what platform teams make, judge, try and roll out stacks with.

``found`` says which stack is meant, ``described`` what it offers, ``scaffold`` makes a new one,
``variants`` renders all that it can become, ``testing`` builds and tries its tests, ``difference``
compares two versions of it, and ``census`` finds who uses what. What is wrong with a stack, the
rules in :mod:`imgforge.checks.stack` say.
"""

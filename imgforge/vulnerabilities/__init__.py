"""What is wrong with what is inside: matches rated, excused by VEX or policy, and judged.

``found`` asks the database of advisories, ``adapters`` read what other scanners found, ``vex`` what
is said of it, ``judging`` holds it against a policy, ``scan`` is the story of it all.
"""

"""The command line: one small module per command. Parse, call, print, exit code; no logic.

``COMMANDS`` is the one list: help, completion and the reference pages derive from it.
"""

COMMANDS = {
    "init": "look at a project and write its imgforge.toml",
    "build": "build, prove, list and sign an image",
    "push": "push an image that was built and signed before, or from one registry to another",
    "import": "read a Dockerfile into the nearest spec, and say what became of each line",
    "lock": "pin bases and packages in imgforge.lock",
    "outdated": "say how far a lock is behind: its stack, updates, moved bases, ending support",
    "base": "list, make, publish and compare base images",
    "stack": "list, make, judge, try, publish and compare stacks, and see who uses which",
    "plan": "print the build plan and which engines can serve it",
    "render": "print the Dockerfile",
    "check": "judge images and Dockerfiles with every check",
    "scan": "say which known vulnerabilities are in SBOMs, images and projects",
    "explain": "say why a rule matters, with an example and the cure",
    "policy": "show, sign and verify the policy that images are judged by",
    "provenance": "show how an image was made, and whether it could be made again",
    "rebuild": "make an image again from its provenance, and compare the digests",
    "notices": "print the licences of what is in an image, with their texts",
    "sbom": "print an image's bill of materials",
    "db": "import known vulnerabilities, and say how old they are",
    "key": "make and show signing keys",
    "sign": "sign a finished image, with a key or as an identity",
    "attest": "sign a statement about a finished image, such as an SBOM or a report",
    "log": "enter what a key signed offline into a transparency log, or timestamp it",
    "verify": "verify an image's signature and evidence",
    "schema": "print the JSON Schema of what imgforge reads or writes",
    "doctor": "say what this machine can do and what is missing",
    "completion": "print a shell completion script",
}
"""Command → what it does; the module of the same name in this package has the rest."""

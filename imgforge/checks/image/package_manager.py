"""IF031: a package manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.programs import found
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF031",
    Severity.HIGH,
    "The image has a package manager",
    why="A package manager is a downloader that runs what it downloads. It gives an intruder"
    " any tool in one command, and it tempts people to patch containers instead of images,"
    " so that what runs is no longer what was checked. The application has no use for it"
    " once it is installed.",
    remedy="Install in a build stage and copy the result; or allow it: allow-package-manager in the"
    " policy, and package-manager among the tools in the spec's [run].",
    example="""\
# Faulty: pip, apt and their caches ship with the application.
FROM python:3.13
RUN pip install -r requirements.txt

# Cured: installed in one stage, copied into the next.
FROM python:3.13 AS build
RUN pip install --target /app --require-hashes -r requirements.txt
FROM gcr.io/distroless/python3-debian13@sha256:...
COPY --from=build /app /app
COPY main.py /app/main.py
ENTRYPOINT ["python3", "/app/main.py"]
""",
    references=("CIS Docker Benchmark 4.3", "NIST SP 800-190 4.1.2"),
)

MANAGERS: Final = frozenset(
    {"apk", "apt", "apt-get", "aptitude", "brew", "bundle", "composer", "conda", "corepack"}
    | {"dnf", "dnf5", "dpkg", "easy_install", "emerge", "gem", "mamba", "microdnf", "nix", "npm"}
    | {"npx", "opkg", "pacman", "pip", "pip3", "pipx", "pnpm", "poetry", "rpm", "snap", "tdnf"}
    | {"uv", "yarn", "yum", "zypper"}
)
IDENTITIES: Final = frozenset({"apt", "dpkg", "apk", "rpm", "dnf", "pip"})
_MODULES: Final = frozenset({"pip", "pipx", "poetry", "uv"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find programs, and Python packages that install others (``python -m pip``)."""
    if policy.allow_package_manager:
        return
    yield from found(image, RULE, "a package manager", MANAGERS, IDENTITIES)
    for package in image.packages:
        if package.ecosystem == "pypi" and package.name in _MODULES:
            message = f"the Python package {package.name} installs packages"
            yield RULE.finding(message, path=package.paths[0], layer=package.layer)

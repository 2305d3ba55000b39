"""IF112: credential files copied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF112",
    Severity.HIGH,
    "A credential file is copied into a stage",
    why=(
        "A file that is copied in stays in its layer for everybody who pulls the image; a "
        "later rm only hides it. In a stage that is not shipped it still lies in the "
        "builder's cache and in caches that are pushed."
    ),
    remedy=(
        "Mount such files for the one step that needs them: RUN "
        "--mount=type=secret,id=...,target=...."
    ),
    example="""\
COPY .npmrc /root/.npmrc
RUN npm ci
# better
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci
""",
    references=(
        "CIS Docker Benchmark 4.10",
        "NIST SP 800-190 4.1.4",
        "Dockle CIS-DI-0010",
        "CWE-538",
    ),
)

_NAMES: Final = re.compile(
    r"(?ix) \.env(?:\.(?!example|sample|template|dist)[\w.-]+)? | \.npmrc | \.yarnrc(?:\.yml)?"
    r" | \.netrc | _netrc | \.pypirc | \.pgpass | \.my\.cnf | \.git-credentials | \.dockercfg"
    r" | \.dockerconfigjson | \.htpasswd | \.vault-token | \.terraformrc | kubeconfig"
    r" | id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)? | .*\.(?:pem|key|p12|pfx|jks|keystore|ppk|kdbx|ovpn"
    r"|tfstate|tfvars) | (?:aws_?)?credentials(?:\.(?:json|csv|xml|ya?ml))?"
    r" | (?:service[-_]?account|client_secret)[\w.-]*\.json | secrets?\.(?:json|ya?ml|toml|env|txt)"
)
_FOLDERS: Final = frozenset({".ssh", ".aws", ".azure", ".kube", ".gnupg", ".docker", "gcloud"})
_PUBLIC: Final = re.compile(
    r"(?i).*(?:public|\.pub|ca[-_.]?(?:cert|bundle|chain)|fullchain|cert).*"
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge the sources of COPY and ADD by their names; other stages' files count as well."""
    for stage, step in subject.steps():
        if step.name not in {"COPY", "ADD"}:
            continue
        for source in step.args[:-1]:
            parts = [part for part in source.split("/") if part]
            name = parts[-1] if parts else ""
            named = _NAMES.fullmatch(name) and not _PUBLIC.fullmatch(name)
            if named or _FOLDERS.intersection(parts):
                message = f"{step.name} {source} takes a credential file into {stage.title}"
                key = f"{stage.title}:{source}"
                yield RULE.finding(message, path=subject.path, line=step.line, key=key)

"""IF023: files that are named as those with credentials are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import FILE, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.layers import still_shipped
from imgforge.checks.image.packaged import packaged, sites
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF023",
    Severity.HIGH,
    "A file is shipped that usually holds credentials",
    why="Tools keep passwords, tokens and keys under these names, often in forms that no pattern"
    " recognises: key stores are encrypted, password files plain words. COPY . takes them along"
    " from a developer's folder, and everybody who may pull the image has them, even where a later"
    " layer deletes them.",
    remedy="Revoke what was in it, name it in .dockerignore, and mount it where it is needed.",
    example="COPY . /app                        # takes .env and .npmrc along\n"
    "RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci\nCOPY src /app/src",
    references=(
        "CIS Docker Benchmark 4.10",
        "NIST SP 800-190 4.1.4",
        "Dockle CIS-DI-0010",
        "CWE-538",
    ),
)

_NAMES: Final = {
    ".dockercfg": "logins of Docker",
    ".git-credentials": "logins of git",
    ".htpasswd": "passwords of a web server",
    ".my.cnf": "a login of MySQL",
    ".mylogin.cnf": "a login of MySQL",
    ".netrc": "logins of curl, git and others",
    "_netrc": "logins of curl, git and others",
    ".npmrc": "a login of npm",
    ".pgpass": "passwords of PostgreSQL",
    ".pypirc": "a login of PyPI",
    ".s3cfg": "keys of S3",
    ".boto": "keys of Google or AWS",
    ".terraformrc": "a token of Terraform",
    ".vault-token": "a token of Vault",
    ".wgetrc": "a login of wget",
    "accessTokens.json": "tokens of Azure",
    "application_default_credentials.json": "credentials of Google",
    "credentials.tfrc.json": "a token of Terraform",
    "id_dsa": "a private key of SSH",
    "id_ecdsa": "a private key of SSH",
    "id_ecdsa_sk": "a private key of SSH",
    "id_ed25519": "a private key of SSH",
    "id_ed25519_sk": "a private key of SSH",
    "id_rsa": "a private key of SSH",
    "krb5.keytab": "keys of Kerberos",
    "kubeconfig": "a login of Kubernetes",
    "msal_token_cache.json": "tokens of Azure",
    "settings-security.xml": "a password of Maven",
    "terraform.tfvars": "variables of Terraform",
}
_BELOW: Final = {
    ("config.json", ".docker"): "logins of Docker",
    ("credentials", ".aws"): "keys of AWS",
    ("credentials", ".cargo"): "a token of crates.io",
    ("credentials.toml", ".cargo"): "a token of crates.io",
    ("credentials", ".gem"): "a key of RubyGems",
    ("credentials", "git"): "logins of git",
    ("credentials.db", "gcloud"): "credentials of Google",
    ("access_tokens.db", "gcloud"): "tokens of Google",
    ("config", ".kube"): "a login of Kubernetes",
    ("master.key", "config"): "the key of what Rails keeps encrypted",
    ("hosts.yml", "gh"): "a token of GitHub",
    ("auth.json", "containers"): "logins of Podman",
    ("auth.json", ".composer"): "logins of Composer",
    ("secring.gpg", ".gnupg"): "private keys of GnuPG",
}
_ENDS: Final = {
    ".bcfks": "a key store",
    ".jceks": "a key store",
    ".jks": "a key store",
    ".kdbx": "a password safe",
    ".keystore": "a key store",
    ".keytab": "keys of Kerberos",
    ".p12": "a key store",
    ".pfx": "a key store",
    ".ppk": "a private key of PuTTY",
    ".tfstate": "the state of Terraform",
    ".tfstate.backup": "the state of Terraform",
}
_KEYS: Final = frozenset({"private-key", "putty-private-key"})
_KEY: Final = "a private key of"
_SUFFIXES: Final = tuple(_ENDS)
_EXTENSIONS: Final = frozenset(end[end.rfind(".") :] for end in _ENDS)
_SIMPLE: Final = frozenset(_NAMES) | {name for name, _ in _BELOW}
_SERVICE: Final = re.compile(
    r"(?i)(?:gcp|gcloud|google|firebase)?[-_.]?(?:service[-_]?account|client[-_]secret)"
    r"(?:[-_.][a-z0-9-]*)?\.json|firebase-adminsdk.*\.json"
)
_ENVIRONMENT: Final = re.compile(
    r"\.env(?:rc)?(?!.*(?:example|sample|template|tmpl|dist|default|schema|vault))(?:\.[\w.-]+)?"
)
_DISTRIBUTED: Final = ("usr/share/", "usr/lib/")
_SAMPLE: Final = re.compile(r"(?i)/(?:templates?|examples?|samples?|tests?|testdata|doc)/")
_PUBLIC: Final = re.compile(
    r"(?i)cacerts?|ca-certs?|ca-bundle|trust-?store|example|sample|template"
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find them in the final file system and in lower layers; empty ones and templates are fine.

    In the tree of a package manager they came from a public archive, which makes them low. A key
    that was recognised by its content is IF020's: one fault is told once.
    """
    installed = sites(image)
    keys = {
        (index, hit.path)
        for index, layer in enumerate(image.layers)
        for hit in layer.secrets
        if hit.rule in _KEYS and not hit.inside
    }
    names = {*(_SIMPLE & image.names), *image.ending(*_EXTENSIONS)}
    names.update(name for name in image.names if name.startswith(".env"))
    names.update(name for name in image.ending(".json") if _SERVICE.fullmatch(name))
    for name in names:
        for path in image.named(name):
            fact, kind = image.files[path], _kind(path, name)
            if kind.startswith(_KEY) and (fact.layer, path) in keys:
                continue
            if kind and fact.kind == FILE and fact.size:
                severity = Severity.LOW if _published(path, installed) else None
                layer = image.layers[fact.layer].digest
                message = f"/{path} is named as {kind}"
                yield RULE.finding(message, path=path, layer=layer, severity=severity)
    for index, entry in image.hidden:
        name = entry.path[entry.path.rfind("/") + 1 :]
        if entry.size and _suspect(name) and (kind := _kind(entry.path, name)):
            if kind.startswith(_KEY) and (index, entry.path) in keys:
                continue
            severity = Severity.LOW if _published(entry.path, installed) else None
            message = f"/{entry.path} is named as {kind}{still_shipped(image, index)}"
            layer, key = image.layers[index].digest, f"layer{index}"
            yield RULE.finding(message, path=entry.path, layer=layer, key=key, severity=severity)


def _published(path: str, installed: tuple[str, ...]) -> bool:
    """Whether everybody has the file: from a package, or a distribution's sample."""
    sample = path.startswith(_DISTRIBUTED) and _SAMPLE.search(path) is not None
    return sample or packaged(path, installed)


def _suspect(name: str) -> bool:
    """Whether a look at the whole path is worth while: nearly all names end here."""
    if name in _SIMPLE or name[name.rfind(".") :] in _EXTENSIONS or name.startswith(".env"):
        return True
    return name.endswith(".json") and _SERVICE.fullmatch(name) is not None


def _kind(path: str, name: str) -> str:
    """Say what a file of this name holds; empty if nothing secret."""
    if name in _NAMES:
        return _NAMES[name]
    if (below := _BELOW.get((name, path.split("/")[-2] if "/" in path else ""))) is not None:
        return below
    if name.endswith(_SUFFIXES):
        if _PUBLIC.search(name):
            return ""
        return next(kind for end, kind in _ENDS.items() if name.endswith(end))
    if _ENVIRONMENT.fullmatch(name):
        return "settings with passwords"
    return "a key of a service account" if _SERVICE.fullmatch(name) else ""

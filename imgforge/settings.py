"""Settings of the machine or the organisation: where archives, registries and bases are found.

They stand in ``config.toml``: the file that ``IMGFORGE_CONFIG`` names, else
``$XDG_CONFIG_HOME/imgforge/config.toml``, else ``/etc/imgforge/config.toml``; the first that exists
is the only one read. Variables of the environment win over it, each named after its key:
``IMGFORGE_DEBIAN_MIRROR`` is ``mirror`` in ``[debian]``. Nothing here can change what a lock pins:
settings decide where bytes come from, never which bytes are right; and they pin the policy by
which images are judged.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator

from imgforge import tomlfile
from imgforge.catalogs.releases import is_ref
from imgforge.errors import InvalidInputError
from imgforge.fields import Table, problem
from imgforge.files import configs
from imgforge.indexes import INDEXES
from imgforge.indexes import settings as indexed
from imgforge.indexes.settings import Index, Indexes

_T = TypeVar("_T", bound=Table)


def _url(value: str) -> str:
    # The value itself is not shown: a password may stand in it.
    if not re.fullmatch(r"https?://([^\s/?#@]+@)?[^\s/?#@]+(/[^\s?#]*)?", value):
        raise problem("is not an http(s) URL", "such as https://mirror.example.com/debian")
    return value.rstrip("/")


def _moment(value: str) -> str:
    try:
        moment(value)
    except ValueError as error:
        raise problem(f"{value!r} is not a moment", "such as 2026-11-20T00:00:00Z") from error
    return value


def _repository(value: str) -> str:
    host = r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[A-Fa-f0-9:]+\](:\d{1,5})?"
    if not re.fullmatch(rf"({host})(/[a-z0-9]+([._-]+[a-z0-9]+)*)*", value):
        raise problem(f"{value!r} is not a registry", "such as registry.example.com/hub")
    return value


def _source(value: str) -> str:
    # A dump's address may have a query, which holds no version that changes.
    if not re.fullmatch(r"https?://([^\s/?#@]+@)?[^\s/?#@]+/[^\s#]*", value):
        raise problem("is not an http(s) URL of a file", "such as https://osv.example.com/all.zip")
    return value


Url = Annotated[str, AfterValidator(_url)]
Moment = Annotated[str, AfterValidator(_moment)]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\[\]:-]+$")]
Repository = Annotated[str, AfterValidator(_repository)]
File = Annotated[str, Field(min_length=1)]
Source = Annotated[str, AfterValidator(_source)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Archive(Table):
    """Where Debian's packages come from; absent keys are found by themselves."""

    mirror: Url | None = Field(
        default=None,
        description="Mirror of the main archive; else the machine's apt sources, "
        "else the snapshot service.",
    )
    security_mirror: Url | None = Field(
        default=None, description="Mirror of the security updates; found like mirror."
    )
    keyring: File | None = Field(
        default=None,
        description="OpenPGP keyring that signs the archive; else the machine's, else the one "
        "that comes with imgforge.",
    )
    snapshot: Moment | None = Field(
        default=None,
        description="A moment such as 2026-11-20T00:00:00Z: everything is taken from the "
        "snapshot service as it was then.",
    )
    snapshot_mirror: Url | None = Field(
        default=None, description="The snapshot service, if it is not the distribution's own."
    )
    check_valid_until: bool = Field(
        default=True, description="Refuse a Release file that has expired: the mirror is stale."
    )


class Ubuntu(Archive):
    """Where Ubuntu's packages come from; absent keys are found by themselves."""

    ports_mirror: Url | None = Field(
        default=None,
        description="Mirror of the architectures that are kept apart, arm64 among them; found "
        "like mirror.",
    )


class Npm(Table):
    """Where packages of the npm registry come from."""

    registry: Url | None = Field(
        default=None, description="The registry; npm's own configuration where absent."
    )
    unsigned: bool = Field(
        default=False, description="Accept a registry that leaves npm's signatures out."
    )


class Tls(Table):
    """What TLS with one registry takes beside the system's authorities; the files are PEM."""

    ca: File | None = Field(
        default=None, description="Authorities that count for this registry, too."
    )
    certificate: File | None = Field(
        default=None, description="The certificate (and what leads to its authority) we show."
    )
    key: File | None = Field(
        default=None, description="Its private key, unencrypted; else it is in certificate's file."
    )

    @model_validator(mode="after")
    def _whole(self) -> Tls:
        if self.key is not None and self.certificate is None:
            raise problem("has a key without a certificate", "name the certificate, too")
        return self


class Registry(Table):
    """How registries are reached."""

    mirrors: dict[Host, Repository] = Field(
        default={},
        description="Registry host → registry/prefix that is asked first for what lies there.",
    )
    insecure: list[Host] = Field(
        default=[],
        description="Registries (host, or host:port) that may be spoken to without TLS, beside "
        "those on this machine.",
    )
    tls: dict[Host, Tls] = Field(
        default={},
        description="Registry host:port → authorities and client certificate for it; else those "
        "in certs.d of docker's or podman's configuration.",
    )


class Network(Table):
    """How this machine reaches others."""

    proxy: Url | None = Field(
        default=None,
        description="HTTP proxy for archives and registries; NO_PROXY names what is reached "
        "without it.",
    )
    ca: File | None = Field(
        default=None,
        description="Authorities (PEM) that are trusted besides the system's, by imgforge and in "
        "every step that installs.",
    )


class Organisation(Table):
    """The policy that bounds every other one, and how it is proven: by digest, signature, or both.

    It counts in the machine's file whatever other file is read. No variable stands for it, and in
    its paths ``~`` is no home directory.
    """

    file: File = Field(description="The policy; required.")
    digest: Digest | None = Field(
        default=None, description="Its digest, sha256:… (imgforge policy digest)."
    )
    key: File | None = Field(
        default=None,
        description="The public key that must have signed it (imgforge policy sign); the "
        "signature lies beside the policy, in FILE.sigstore.json.",
    )

    @model_validator(mode="after")
    def _proven(self) -> Organisation:
        if self.digest is None and self.key is None:
            raise problem("is pinned by neither digest nor key", "anybody could change it")
        return self


class Malware(Table):
    """What is known as malware, beside what imgforge knows by itself."""

    hashes: list[File] = Field(
        default=[],
        description="Files that list sha256 digests, one a line: SHA256, SHA256 NAME, or "
        "SHA256:SIZE:NAME as ClamAV has it.",
    )
    rules: list[File] = Field(
        default=[], description="Files of YARA rules, or folders with .yar and .yara files."
    )
    clamav: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether ClamAV's daemon looks at every file, too: if it answers, or else it "
        "is an error, or never.",
    )
    clamd: File | None = Field(
        default=None,
        description="Where the daemon listens, and has to: an absolute path, or host:port; else "
        "it is found by its configuration and at the usual places.",
    )


class Sigstore(Table):
    """The Sigstore that keyless signatures, logs and timestamps come from."""

    trust_config: File | None = Field(
        default=None,
        description="A private Sigstore's ClientTrustConfig: where its services are, and its "
        "trusted root. The public Sigstore where absent.",
    )


class Advisories(Table):
    """Where known vulnerabilities come from; nothing is fetched but by imgforge db update."""

    database: File | None = Field(
        default=None,
        description="The advisory database; one in the cache where absent.",
    )
    sources: list[Source] = Field(
        default=[],
        description="Addresses of OSV dumps, KEV and EPSS files that imgforge db update imports.",
    )
    key: File | None = Field(
        default=None,
        description="The public key that must have signed every source (cosign sign-blob "
        "--bundle); the signature lies beside it, in FILE.sigstore.json.",
    )


StackName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


def _git(value: str) -> str:
    # The value itself is not shown: a password may stand in it.
    if not re.fullmatch(r"(https|ssh)://[^\s?#]+/[^\s?#]+|/[^\s?#]+", value):
        raise problem("is not the address of a git repository", "https://, ssh:// or a path")
    return value


def _ref(value: str) -> str:
    if not is_ref(value):
        raise problem(f"{value!r} is not a branch or tag", "such as main or refs/tags/v1")
    return value


def _below(value: str) -> str:
    parts = value.split("/")
    if value != "." and any(p in {".", ".."} or not re.fullmatch(r"[\w.-]+", p) for p in parts):
        raise problem(f"{value!r} is not a folder of the repository", "such as stacks")
    return value


def _manager(value: str) -> str:
    if value not in INDEXES:
        raise problem(f"{value!r} is no package manager", f"one of {', '.join(INDEXES)}")
    return value


class Catalog(Table):
    """A place with stacks besides those that come with imgforge, as `[[catalogs]]`.

    It is a folder, a git repository or a part of a registry. No variable stands for it.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = Field(
        description="What specs and locks call it."
    )
    directory: File | None = Field(
        default=None, description="A folder that has a folder for each stack."
    )
    git: Annotated[str, AfterValidator(_git)] | None = Field(
        default=None, description="The address of a git repository: https, ssh, or a path."
    )
    ref: Annotated[str, AfterValidator(_ref)] = Field(
        default="HEAD", description="The branch or tag there that counts."
    )
    folder: Annotated[str, AfterValidator(_below)] = Field(
        default=".", description="The folder in the repository that has one for each stack."
    )
    registry: Repository | None = Field(
        default=None,
        description="What stands before the stacks' names in a registry: "
        "registry.example.com/stacks.",
    )
    stacks: list[StackName] = Field(
        default=[],
        description="The stacks that are taken from a repository or registry: nothing is asked "
        "for another name.",
    )
    key: File | None = Field(
        default=None, description="The public key that must have signed a registry's stacks."
    )
    identity: str = Field(
        default="", description="A glob of whom the signing certificate was issued to, instead."
    )
    issuer: str = Field(default="", description="Who vouched for that identity, exactly.")
    trusted_root: File | None = Field(
        default=None, description="The trusted root of another Sigstore than the public one."
    )
    indexes: list[Annotated[str, AfterValidator(_manager)]] | None = Field(
        default=None,
        description="The package managers whose index settings and credentials its stacks may "
        "read. Absent: a registry's, which are signed, any that they declare; others none.",
    )

    @property
    def source(self) -> Literal["directory", "git", "registry"]:
        """What kind of place it is."""
        return "directory" if self.directory else "git" if self.git else "registry"

    @property
    def place(self) -> str:
        """Where it is."""
        return self.directory or self.git or self.registry or ""

    @model_validator(mode="after")
    def _one(self) -> Catalog:
        if sum(place is not None for place in (self.directory, self.git, self.registry)) != 1:
            raise problem("needs exactly one of directory, git and registry")
        if self.name == "imgforge":
            raise problem("is the name of imgforge's own stacks", "call it after your organisation")
        if (self.source == "directory") == bool(self.stacks):
            raise problem(
                "has stacks where it should not, or none",
                "git and registry need the list of stacks; a directory shows what it has",
            )
        signed = [bool(self.key), bool(self.identity or self.issuer)]
        if self.source == "registry" and sum(signed) != 1:
            raise problem("does not say who signs its stacks", "give key, or identity and issuer")
        if self.source != "registry" and (any(signed) or self.trusted_root):
            raise problem("has a signer, and only a registry's stacks are signed")
        if bool(self.identity) != bool(self.issuer) or (self.trusted_root and not self.identity):
            raise problem("needs identity and issuer together, and a trusted-root only with them")
        return self


class Settings(Table):
    """A whole ``config.toml``."""

    bases: list[File] = Field(
        default=[],
        description="Folders with further base definitions. A definition that is to stand in for "
        "one that ships with imgforge says `replaces = true`.",
    )
    catalogs: list[Catalog] = Field(
        default=[], description="Where stacks are found besides imgforge's own."
    )
    debian: Archive = Archive()
    ubuntu: Ubuntu = Ubuntu()
    npm: Npm = Npm()
    registry: Registry = Registry()
    network: Network = Network()
    indexes: Indexes = Indexes()
    policy: Organisation | None = None
    malware: Malware = Malware()
    sigstore: Sigstore = Sigstore()
    advisories: Advisories = Advisories()

    @model_validator(mode="after")
    def _told_apart(self) -> Settings:
        names = [catalog.name for catalog in self.catalogs]
        for name in names:
            if names.count(name) > 1:
                raise problem(f"two catalogs are called {name!r}")
        return self


def moment(value: str) -> dt.datetime:
    """Read a moment (RFC 3339, or a day: its beginning in UTC); ValueError if it is none."""
    found = dt.datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; the defaults where there is no file. InvalidInputError if it is wrong.

    Paths in the file are relative to its folder, those in the environment to the present one.
    """
    environ = os.environ if environ is None else environ
    path = _path(environ)
    settings = Settings()
    if path is not None:
        data, table = tomlfile.read(path)
        settings = _anchored(tomlfile.validate(Settings, table, data, str(path)), path.parent)
    return _over(settings, _anchored(_environment(environ), Path()))


def variables() -> dict[tuple[str, ...], str]:
    """Return the variable that stands for each key: its place in the file → its name."""
    return {place: name for name, (place, _) in _VARIABLES.items()}


def _path(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("IMGFORGE_CONFIG")
    if named:
        if not Path(named).is_file():
            raise InvalidInputError(f"IMGFORGE_CONFIG names {named}, which is no file")
        return Path(named)
    return next((path for path in configs(environ) if path.is_file()), None)


def _yes(value: str) -> object:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    return known.get(value.lower(), value)


def _folders(value: str) -> object:
    return [part for part in value.split(os.pathsep) if part]


def _words(value: str) -> object:
    return [word for word in re.split(r"[\s,]+", value) if word]


def _mirrors(value: str) -> object:
    pairs = [item.partition("=") for item in re.split(r"[\s,]+", value) if item]
    return {host: prefix.rstrip("/") for host, _, prefix in pairs}


def _tls(value: str) -> object:
    """Read words such as ``registry.example.com:5000=ca.pem,client.pem,client.key``."""
    found = {}
    for word in value.split():
        place, _, files = word.partition("=")
        names = zip(("ca", "certificate", "key"), files.split(","), strict=False)
        found[place] = {key: name for key, name in names if name}
    return found


_READERS: dict[Any, Callable[[str], object]] = {
    bool: _yes,
    list[File]: _folders,
    list[Source]: str.split,
}
"""What makes a value of a variable's text, by the key's type; text is taken as it is."""


_DATABASE = "IMGFORGE_ADVISORIES_DATABASE"


def _named() -> dict[str, tuple[tuple[str, ...], Callable[[str], object]]]:
    found: dict[str, tuple[tuple[str, ...], Callable[[str], object]]] = {
        "IMGFORGE_BASES": (("bases",), _folders),
        "IMGFORGE_PROXY": (("network", "proxy"), str),
        "IMGFORGE_CA": (("network", "ca"), str),
        "IMGFORGE_INDEXES_USER_FILES": (("indexes", "user-files"), _yes),
        "IMGFORGE_REGISTRY_MIRRORS": (("registry", "mirrors"), _mirrors),
        "IMGFORGE_INSECURE_REGISTRIES": (("registry", "insecure"), _words),
        "IMGFORGE_REGISTRY_TLS": (("registry", "tls"), _tls),
    }
    tables: dict[str, type[Table]] = {
        "debian": Archive,
        "ubuntu": Ubuntu,
        "npm": Npm,
        "malware": Malware,
        "sigstore": Sigstore,
        "advisories": Advisories,
    }
    for table, model in tables.items():
        for field, about in model.model_fields.items():
            read = _READERS.get(about.annotation, str)
            key = field.replace("_", "-")
            name = f"IMGFORGE_{table}_{field}".upper()
            found["IMGFORGE_DB" if name == _DATABASE else name] = ((table, key), read)
    for manager in INDEXES:
        for key in Index.model_fields:
            found[f"IMGFORGE_INDEX_{manager}_{key}".upper()] = (("indexes", manager, key), str)
    return found


_VARIABLES = _named()
"""Variable → its key's place in the file, and what makes the value of its text."""


def _environment(environ: Mapping[str, str]) -> Settings:
    table: dict[str, Any] = {}
    for name, (place, read) in _VARIABLES.items():
        if environ.get(name):
            here = table
            for part in place[:-1]:
                here = here.setdefault(part, {})
            here[place[-1]] = read(environ[name])
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        names = variables()
        details = []
        for item in error.errors(include_url=False, include_input=False):
            place = tuple(str(part) for part in item["loc"])
            name = next((n for p, n in names.items() if place[: len(p)] == p), ".".join(place))
            hint = (item.get("ctx") or {}).get("hint")
            details.append(
                f"{name}: {item['msg'][:1].lower()}{item['msg'][1:]}"
                + (f"\n    hint: {hint}" if hint else "")
            )
        raise InvalidInputError("the environment is not valid", details=details) from error


def _anchored(settings: Settings, folder: Path) -> Settings:
    changes: dict[str, object] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, Archive) and value.keyring is not None:
            value = value.model_copy(update={"keyring": _rooted(folder, value.keyring)})
        elif isinstance(value, Malware):
            lists = {"hashes": value.hashes, "rules": value.rules}
            given = {key: names for key, names in lists.items() if key in value.model_fields_set}
            anchored = {key: [_rooted(folder, n) for n in names] for key, names in given.items()}
            value = value.model_copy(update=anchored)
        elif isinstance(value, Indexes):
            value = indexed.anchored(value, folder)
        elif isinstance(value, Network | Sigstore):
            value = _anchored_file(folder, value)
        elif isinstance(value, Advisories):
            paths = {"database": value.database, "key": value.key}
            rooted_paths = {k: _rooted(folder, n) for k, n in paths.items() if n is not None}
            value = value.model_copy(update=rooted_paths)
        elif isinstance(value, Registry) and value.tls:
            files = {place: _anchored_tls(folder, given) for place, given in value.tls.items()}
            value = value.model_copy(update={"tls": files})
        elif isinstance(value, Organisation):
            named = {"file": value.file, "key": value.key}
            # No home directory may choose the key that counts.
            value = value.model_copy(update={k: str(folder / n) for k, n in named.items() if n})
        changes[name] = value
    return settings.model_copy(update={**changes, **_anchored_lists(settings, folder)})


def _anchored_lists(settings: Settings, folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    if settings.catalogs:
        found["catalogs"] = [_anchored_catalog(folder, each) for each in settings.catalogs]
    if settings.bases:
        found["bases"] = [_rooted(folder, name) for name in settings.bases]
    return found


def _anchored_tls(folder: Path, given: Tls) -> Tls:
    paths = {key: _rooted(folder, getattr(given, key)) for key in given.model_fields_set}
    return given.model_copy(update=paths)


def _anchored_file(folder: Path, value: Network | Sigstore) -> Network | Sigstore:
    key = "ca" if isinstance(value, Network) else "trust_config"
    name = getattr(value, key)
    return value.model_copy(update={key: _rooted(folder, name)}) if name else value


def _anchored_catalog(folder: Path, catalog: Catalog) -> Catalog:
    paths = {name: getattr(catalog, name) for name in ("directory", "key", "trusted_root")}
    return catalog.model_copy(update={k: _rooted(folder, p) for k, p in paths.items() if p})


def _rooted(folder: Path, name: str) -> str:
    try:
        return str(folder / Path(name).expanduser())
    except RuntimeError as error:
        raise InvalidInputError(f"{name}: there is no such home directory") from error


def _over(below: _T, above: _T) -> _T:
    """Return ``below`` with every key that ``above`` was given, also in tables within."""
    changes: dict[str, object] = {}
    for name in above.model_fields_set:
        value, old = getattr(above, name), getattr(below, name)
        both = isinstance(value, Table) and isinstance(old, Table)
        changes[name] = _over(old, value) if both else value
    return below.model_copy(update=changes)

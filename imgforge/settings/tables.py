"""The tables of ``config.toml``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from imgforge.fields import Table, problem
from imgforge.indexes.settings import Indexes
from imgforge.settings.catalog import Catalog
from imgforge.settings.values import Digest, File, Host, Moment, Repository, Source, Url


class Archive(Table):
    """Where Debian's packages come from; absent keys are found by themselves."""

    PATHS: ClassVar = ("keyring",)

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

    PATHS: ClassVar = ("ca", "certificate", "key")

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

    PATHS: ClassVar = ("ca",)

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

    PATHS: ClassVar = ("hashes", "rules")

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
    clamd: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Where the daemon listens, and has to: an absolute path, or host:port; else "
        "it is found by its configuration and at the usual places.",
    )


class Sigstore(Table):
    """The Sigstore that keyless signatures, logs and timestamps come from."""

    PATHS: ClassVar = ("trust_config",)

    trust_config: File | None = Field(
        default=None,
        description="A private Sigstore's ClientTrustConfig: where its services are, and its "
        "trusted root. The public Sigstore where absent.",
    )


class Advisories(Table):
    """Where known vulnerabilities come from; nothing is fetched but by imgforge db update."""

    PATHS: ClassVar = ("database", "key")

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


class Settings(Table):
    """A whole ``config.toml``."""

    PATHS: ClassVar = ("bases",)

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

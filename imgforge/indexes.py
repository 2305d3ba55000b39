"""Package indexes: which settings of the building machine an installing step may see, and how.

A step that declares ``indexes = ["npm"]`` gets the machine's settings for that package manager
(its variables, its configuration files) and its certificates as secret mounts. They reach this one
step, stand in no layer, label, cache key or provenance, and any of them may be absent.
"""

from __future__ import annotations

from dataclasses import dataclass

AUTHORITY = "imgforge-ca"
"""Secret that holds the machine's CA bundle (PEM)."""

KEYSTORE = "imgforge-ca-keystore"
"""Secret that holds the same certificates as Java reads them (:mod:`imgforge.keystore`)."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A configuration file of a package manager.

    ``variable`` is the machine's variable that names it, ``home`` where it lies otherwise (below
    the home directory, empty for nowhere). In the step it is at ``/run/secrets/SECRET``, and
    ``prepare`` is what a POSIX shell does there so that the package manager reads it.
    """

    secret: str
    variable: str
    home: str
    prepare: str


@dataclass(frozen=True, slots=True)
class Index:
    """What one package manager reads.

    ``variables`` are handed on as they are (they may hold credentials), in the secret ``secret``;
    ``authority`` are the variables that name a CA bundle. ``prepare`` is shell run before the
    step's commands where a CA bundle was given, for what no variable can tell. ``java`` is whether
    it runs in Java, which takes certificates from a key store of its own.
    """

    name: str
    variables: tuple[str, ...]
    authority: tuple[str, ...] = ()
    files: tuple[SettingsFile, ...] = ()
    prepare: str = ""
    java: bool = False

    @property
    def secret(self) -> str:
        """Name of the secret with the variables, as shell assignments."""
        return f"imgforge-index-{self.name}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of all its secrets."""
        return (self.secret, *(file.secret for file in self.files))


_TLS = ("SSL_CERT_FILE",)

INDEXES = {
    index.name: index
    for index in (
        Index(
            "pip",
            (
                *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"),
                *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"),
                "UV_INSECURE_HOST",
            ),
            (*_TLS, "PIP_CERT"),
        ),
        Index("npm", ("NPM_CONFIG_REGISTRY",), (*_TLS, "NODE_EXTRA_CA_CERTS")),
        Index(
            "maven",
            (),
            files=(
                SettingsFile(
                    "imgforge-maven-settings",
                    "MAVEN_SETTINGS",
                    ".m2/settings.xml",
                    "export MAVEN_SETTINGS=/run/secrets/imgforge-maven-settings;",
                ),
            ),
            java=True,
        ),
        Index("gradle", (), java=True),
        Index("cargo", (), (*_TLS, "CARGO_HTTP_CAINFO")),
        Index("go", ("GOPROXY", "GONOSUMDB", "GOSUMDB", "GOPRIVATE", "GONOPROXY"), _TLS),
        Index("bundler", (), _TLS),
        Index("composer", ("COMPOSER_AUTH",), _TLS),
    )
}
"""Package manager → its index; the names that ``indexes`` of a stage may have."""


def secrets(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the machine's secrets that a step with these indexes may mount."""
    found = [s for name in names for s in INDEXES[name].secrets]
    if any(INDEXES[name].java for name in names):
        found.insert(0, KEYSTORE)
    return tuple(dict.fromkeys((AUTHORITY, *found))) if names else ()

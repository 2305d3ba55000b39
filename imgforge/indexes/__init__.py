"""Package indexes: which settings of the building machine an installing step may see, and how.

A step that declares ``indexes = ["npm"]`` gets the settings for that package manager and the
machine's certificates as secret mounts: what imgforge's own settings say (``[indexes.npm]``), or
else the package manager's variables and what its files say of indexes. They reach this one step,
stand in no layer, label, cache key or provenance, and any of them may be absent.
:mod:`imgforge.indexes.machine` finds them, :mod:`imgforge.indexes.prologue` makes them known in
the step.
"""

from __future__ import annotations

from dataclasses import dataclass

AUTHORITY = "imgforge-ca"
"""Secret that holds the machine's CA bundle (PEM)."""

KEYSTORE = "imgforge-ca-keystore"
"""Secret that holds the same certificates as Java reads them (:mod:`imgforge.keystore`)."""

MOUNTED = "/run/secrets"
"""Where a step finds its secrets."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A configuration file of a package manager.

    ``variable`` is the machine's variable that names it, ``home`` where it lies otherwise (below
    the home directory, empty for nowhere). In the step it is at ``/run/secrets/SECRET``, and
    ``prepare`` is what a POSIX shell does there so that the package manager reads it; it makes
    links at most, so the content is in no layer or cache.
    """

    secret: str
    variable: str
    home: str
    prepare: str


@dataclass(frozen=True, slots=True)
class Index:
    """What one package manager reads.

    ``variables`` are handed on as they are (they may hold credentials), in the secret ``secret``,
    and so are those that begin with one of ``prefixes``; ``authority`` are the variables that name
    a CA bundle. ``java`` is whether it runs in Java, which takes certificates from a key store of
    its own.
    """

    name: str
    variables: tuple[str, ...]
    authority: tuple[str, ...] = ()
    files: tuple[SettingsFile, ...] = ()
    prefixes: tuple[str, ...] = ()
    java: bool = False

    @property
    def secret(self) -> str:
        """Name of the secret with the variables, as shell assignments."""
        return f"imgforge-index-{self.name}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of all its secrets."""
        own = (self.secret,) if self.variables or self.prefixes else ()
        return (*own, *(file.secret for file in self.files))


_TLS = ("SSL_CERT_FILE",)


def _file(name: str, variable: str, home: str, prepare: str = "") -> SettingsFile:
    """Return a file that a variable names in the step, or that ``prepare`` links ``{}`` to."""
    secret = f"imgforge-{name}"
    place = f"{MOUNTED}/{secret}"
    return SettingsFile(
        secret, variable, home, prepare.format(place) if prepare else f"export {variable}={place};"
    )


def _linked(folder: str, name: str) -> str:
    return f'mkdir -p "{folder}"; ln -sf {{}} "{folder}/{name}";'


# The whole file holds logins for other places, too: only a variable hands it on.
NETRC = _file("netrc", "NETRC", "")

INDEXES = {
    index.name: index
    for index in (
        Index(
            "pip",
            (
                *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"),
                *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"),
                *("UV_INSECURE_HOST", "UV_INDEX_STRATEGY"),
            ),
            (*_TLS, "PIP_CERT"),
            (NETRC,),
            ("UV_INDEX_",),
        ),
        Index(
            "npm",
            ("NPM_CONFIG_REGISTRY",),
            (*_TLS, "NODE_EXTRA_CA_CERTS"),
            (_file("npmrc", "NPM_CONFIG_USERCONFIG", ".npmrc"),),
            ("YARN_NPM_", "YARN_UNSAFE_HTTP_WHITELIST"),
        ),
        Index(
            "maven",
            (),
            files=(_file("maven-settings", "MAVEN_SETTINGS", ".m2/settings.xml"),),
            java=True,
        ),
        Index(
            "gradle",
            ("GRADLE_REPOSITORY_URL", "GRADLE_REPOSITORY_USER", "GRADLE_REPOSITORY_PASSWORD"),
            files=(
                _file(
                    "gradle-init",
                    "GRADLE_INIT_SCRIPT",
                    "",
                    _linked("${{GRADLE_USER_HOME:-$HOME/.gradle}}/init.d", "imgforge.gradle"),
                ),
            ),
            prefixes=("ORG_GRADLE_PROJECT_",),
            java=True,
        ),
        Index(
            "cargo",
            (),
            (*_TLS, "CARGO_HTTP_CAINFO"),
            (
                _file(
                    "cargo-config",
                    "CARGO_CONFIG",
                    ".cargo/config.toml",
                    _linked("${{CARGO_HOME:-$HOME/.cargo}}", "config.toml"),
                ),
            ),
            ("CARGO_REGISTRIES_",),
        ),
        Index(
            "go",
            (
                *("GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE"),
                "GOAUTH",
            ),
            _TLS,
            (NETRC,),
        ),
        Index(
            "bundler",
            (),
            _TLS,
            (_file("bundle-config", "BUNDLE_USER_CONFIG", ".bundle/config"),),
        ),
        Index(
            "composer",
            ("COMPOSER_AUTH",),
            _TLS,
        ),
    )
}
"""Package manager → its index; the names that ``indexes`` of a stage may have."""


def secrets(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the machine's secrets that a step with these indexes may mount."""
    found = [s for name in names for s in INDEXES[name].secrets]
    if any(INDEXES[name].java for name in names):
        found.insert(0, KEYSTORE)
    return tuple(dict.fromkeys((AUTHORITY, *found))) if names else ()

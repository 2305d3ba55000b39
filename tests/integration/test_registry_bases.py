"""Bases from a registry that demands TLS and a log-in, signed there by the real cosign.

The registry is Debian's docker-registry in an image that imgforge built; one asks for a password,
one sends to a token server.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import authority
import pytest
import signedbase
import tokenserver
from debianregistry import PASSWORD, TLS, USER, started
from running import EXAMPLES, docker, imgforge, run, tool
from tokenserver import TokenServer

from imgforge import bases, cache
from imgforge.engines import docker as engines
from imgforge.oci.layer import Entry, write_layer
from imgforge.oci.layout import Layout, references
from imgforge.oci.registry import pull, push
from imgforge.oci.types import CONFIG, INDEX, MANIFEST, Descriptor, Platform

AMD64 = Platform("linux", "amd64")
NO_LOG = ("--use-signing-config=false", "--tlog-upload=false", "-y")


@dataclass(frozen=True, slots=True)
class Secured:
    """A registry at ``place``; ``env`` holds what finds its authority and the log-in."""

    place: str
    folder: Path
    env: dict[str, str]


@contextlib.contextmanager
def served(image: str, folder: Path, auth: Mapping[str, object]) -> Iterator[Secured]:
    """Run the registry with TLS and ``auth``; the environment lets this process use it."""
    with started(image, folder, auth=auth, tls=TLS) as place:
        packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {place: {"auth": packed}}}))
        env = {
            "SSL_CERT_FILE": str(folder / "ca.pem"),
            "DOCKER_CONFIG": str(folder),
            "COSIGN_PASSWORD": "x",
            "HOME": str(folder),
        }
        with pytest.MonkeyPatch.context() as patch:
            for variable in ("SSL_CERT_FILE", "DOCKER_CONFIG"):
                patch.setenv(variable, env[variable])
            yield Secured(place, folder, env)


@pytest.fixture(scope="module")
def secured(registry_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority.make(folder)
    auth = {"htpasswd": {"realm": "here", "path": "/secured/htpasswd"}}
    with served(registry_image, folder, auth) as found:
        yield found


@pytest.fixture
def cosign(secured: Secured) -> Callable[..., None]:
    """Return a function that runs the real cosign; its key pair is made first."""
    if not (secured.folder / "cosign.key").exists():
        run(tool("cosign"), "generate-key-pair", cwd=secured.folder, env=secured.env)

    def sign(*arguments: str) -> None:
        run(
            *(tool("cosign"), "sign", *NO_LOG, *arguments),
            cwd=secured.folder,
            env=secured.env,
        )

    return sign


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


def static(layout: Layout, *layers: list[Entry]) -> Descriptor:
    """Make an index of the static base for linux/amd64, with layers on top.

    It also has an image for a platform that imgforge does not build for.
    """
    base = bases.resolve("static", (AMD64,), say=print)
    source = Layout.open(bases.ensure(base, say=print))
    (top,) = source.index()
    (image,) = source.images(top)
    layout.import_image(source, top)
    manifest = layout.read_json(image)
    config = layout.read_json(references(manifest)[0])
    for entries in layers:
        made = write_layer(layout, entries)
        manifest["layers"].append(made.descriptor.to_json())
        config["rootfs"]["diff_ids"].append(made.diff_id)
        config["history"].append({"created_by": "a test"})
    manifest["config"] = layout.add_json(config, CONFIG).to_json()
    changed = layout.add_json(manifest, MANIFEST, platform=AMD64)
    foreign = {**manifest, "annotations": {"for": "nobody here"}}
    other = layout.add_json(foreign, MANIFEST, platform=Platform("linux", "s390x"))
    manifests = [changed.to_json(), other.to_json()]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    return layout.add_json(index, INDEX)


def tagged(layout: Layout, top: Descriptor, repository: str, secured: Secured) -> str:
    """Push ``top`` and let skopeo, another program, give it the tag 1; return it by digest."""
    name = push(layout, top, repository)
    run(
        *(tool("skopeo"), "copy", "--all", "--preserve-digests"),
        *(f"docker://{name}", f"docker://{repository}:1"),
        env={**secured.env, "REGISTRY_AUTH_FILE": str(secured.folder / "config.json")},
    )
    return name


def project(folder: Path, base: str, trust: str) -> Path:
    """Copy the binary example onto ``base``, with a policy."""
    import shutil

    ignored = shutil.ignore_patterns(".imgforge", "imgforge.lock", "server")
    shutil.copytree(EXAMPLES / "binary", folder, ignore=ignored)
    expect = tomllib.loads((folder / "expect.toml").read_text(encoding="utf-8"))
    run(*expect["prepare"], cwd=folder)
    spec = folder / "imgforge.toml"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace('name = "binary"', f'name = "binary"\nbase = "{base}"'))
    (folder / "policy.toml").write_text(f'[[bases.trust]]\nmatch = "localhost:*"\n{trust}')
    return folder


def lock(folder: Path, code: int = 0) -> str:
    done = imgforge("lock", "--policy", "policy.toml", cwd=folder, code=code)
    return done.stderr


def build(folder: Path, *flags: str, code: int = 0) -> str:
    arguments = ("build", "--policy", "policy.toml", "--engine", "native", *flags)
    done = imgforge(*arguments, cwd=folder, code=code)
    return done.stdout.strip() if code == 0 else done.stderr


def base_of(folder: Path) -> dict[str, str]:
    value = tomllib.loads((folder / "imgforge.lock").read_text(encoding="utf-8"))
    return dict(value["runtime"])


def _parts(layout: Layout) -> list[Descriptor]:
    """Return configuration and layers of the one image that is wanted."""
    (image,) = [i for i in layout.images(layout.index()[0]) if i.platform == AMD64]
    return references(layout.read_json(image))


@pytest.mark.parametrize("form", [(), ("--new-bundle-format=false",)], ids=["bundle", "older"])
def test_a_signed_base_is_locked_by_tag_and_built_on_by_both_engines(
    secured: Secured,
    cosign: Callable[..., None],
    layout: Layout,
    tmp_path: Path,
    form: tuple[str, ...],
) -> None:
    repository = f"{secured.place}/team/base{len(form)}"
    name = tagged(layout, static(layout, [Entry("salt", 0o644, data=repr(form).encode())]),
                  repository, secured)  # fmt: skip
    key = secured.folder / "cosign.pub"
    folder = project(tmp_path / "project", f"{repository}:1", f'key = "{key}"\n')
    assert "no signature is attached" in lock(folder, code=5)
    assert not (folder / "imgforge.lock").exists()
    cosign("--key", "cosign.key", *form, name)
    lock(folder)
    pinned = base_of(folder)
    held = cache.directory("bases") / pinned["digest"].removeprefix("sha256:")
    assert len(list((held / "blobs/sha256").iterdir())) == 2 + len(_parts(Layout(held)))
    assert f"{pinned['reference']}@{pinned['digest']}" == name
    assert (pinned["name"], pinned["tag"]) == (f"{repository}:1", "1")
    assert pinned["trust"].startswith("signed by the key sha256:")
    digests = set()
    for engine in ("native", "buildkit"):
        image = build(folder, "--engine", engine, "--no-cache", "--load")
        digests.add(image.rpartition("@")[2])
        out = Layout.open(folder / ".imgforge/image")
        top = out.index()[0]
        config = out.read_json(references(out.read_json(out.images(top)[0]))[0])
        labels = config["config"]["Labels"]
        assert labels["org.opencontainers.image.base.digest"] == pinned["digest"]
        assert labels["org.opencontainers.image.base.name"] == repository
    docker("run", "--rm", "--read-only", "--cap-drop", "ALL", "acme/hello:1.0.0", "--help",
           code=None)  # fmt: skip
    # An image that was moved to the tag later is not what was locked.
    tagged(layout, static(layout, [Entry("later", 0o644, data=b"x")]), repository, secured)
    assert build(folder, "--no-cache").rpartition("@")[2] in digests


def test_what_the_policy_does_not_bear_out_is_refused_at_lock_and_build(
    secured: Secured, cosign: Callable[..., None], layout: Layout, tmp_path: Path
) -> None:
    repository = f"{secured.place}/team/refused"
    name = tagged(layout, static(layout), repository, secured)
    cosign("--key", "cosign.key", name)
    key = f'key = "{secured.folder / "cosign.pub"}"\n'
    folder = project(tmp_path / "project", f"{repository}:1", key)
    policy = folder / "policy.toml"
    good = policy.read_text()
    other = tmp_path / "other.pub"
    other.write_bytes(signedbase.signer().public_key.to_pem())
    exempt = 'exempt = "by hand"\nowner = "us"\nexpires = '
    lock(folder)
    for text, code, words in (
        (good.replace(str(secured.folder / "cosign.pub"), str(other)), 5, "not by this key"),
        (good.replace("localhost:*", "elsewhere/*"), 2, "nothing says why"),
        (good.replace(key, exempt + "2020-01-31\n"), 5, "ended on 2020-01-31: by hand"),
        ('[bases]\nallow = ["static"]\n' + good, 2, "does not allow the base"),
        ("", 2, "nothing says why"),
    ):
        policy.write_text(text)
        assert words in lock(folder, code=code)
        assert words in build(folder, code=code)
    policy.write_text(good.replace(key, exempt + "2999-01-31\n"))
    lock(folder)
    assert base_of(folder)["trust"] == "exempt until 2999-01-31: by hand (us)"
    build(folder)
    # Nothing is asked of the registry again, and an unchanged build still heeds the policy.
    env = {"SSL_CERT_FILE": str(tmp_path / "none"), "DOCKER_CONFIG": str(tmp_path)}
    arguments = ("build", "--policy", "policy.toml", "--engine", "native")
    assert "nothing changed" in imgforge(*arguments, cwd=folder, env=env).stderr
    imgforge(*arguments, "--no-cache", cwd=folder, env=env)
    policy.write_text('[bases]\nallow = ["static"]\n' + policy.read_text())
    assert "does not allow" in imgforge(*arguments, cwd=folder, env=env, code=2).stderr


def test_a_wrong_password_and_an_unknown_authority_are_said(
    secured: Secured, layout: Layout, tmp_path: Path
) -> None:
    repository = f"{secured.place}/team/private"
    tagged(layout, static(layout), repository, secured)
    exempt = 'exempt = "x"\nowner = "us"\nexpires = 2999-01-31\n'
    folder = project(tmp_path / "project", f"{repository}:1", exempt)
    arguments = ("lock", "--policy", "policy.toml")
    nobody = imgforge(*arguments, cwd=folder, env={"DOCKER_CONFIG": str(tmp_path)}, code=6)
    assert f"docker login {secured.place}" in nobody.stderr
    system = {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
    unknown = imgforge(*arguments, cwd=folder, env=system, code=6)
    assert "is not trusted" in unknown.stderr
    assert "SSL_CERT_FILE" in unknown.stderr


def test_a_token_server_is_asked_with_the_password(
    registry_image: str, layout: Layout, tmp_path: Path
) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir()
    authority.make(folder)
    packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with (
        tokenserver.served(TokenServer(folder, packed, "")) as tokens,
        served(registry_image, folder, tokens.auth) as secured,
    ):
        name = f"{secured.place}/team/base"
        top = signedbase.make(layout)
        push(layout, top, name)
        policy = signedbase.exempting(tmp_path)
        base = bases.resolve(f"{name}@{top.digest}", (AMD64,), policy=policy, say=print)
        assert base.digest == top.digest
    assert any("repository:team/base:pull" in scopes for scopes in tokens.scopes)
    assert all("authorization" in seen.headers for seen in tokens.seen)


def test_a_base_with_setuid_files_is_flattened_and_holds_the_same(
    secured: Secured, layout: Layout, tmp_path: Path
) -> None:
    lower = [
        Entry("opt", 0o755),
        Entry("opt/su", 0o4755, data=b"su"),
        Entry("opt/mail", 0o2755, data=b"mail"),
        Entry("opt/gone", 0o4755, data=b"gone"),
        Entry("opt/link", 0o777, link="su"),
        Entry("opt/same", 0o4755, same="opt/su"),
        Entry("opt/large", 0o644, uid=5, gid=6, data=bytes(3 << 20)),
    ]
    upper = [
        Entry("opt/.wh.gone", 0, data=b""),
        Entry("opt/mail", 0o755, data=b"other mail"),
        Entry("usr/share/common-licenses/.wh..wh..opq", 0, data=b""),
    ]
    top = static(layout, lower, upper)
    repository = f"{secured.place}/team/setuid"
    tagged(layout, top, repository, secured)
    exempt = 'exempt = "x"\nowner = "us"\nexpires = 2999-01-31\n'
    folder = project(tmp_path / "project", f"{repository}:1", exempt)
    assert "it is flattened without them" in lock(folder)
    pinned = base_of(folder)
    assert pinned["upstream"] == top.digest
    assert pinned["digest"] != top.digest
    image = build(folder, "--no-cache")
    # Another machine, with an empty cache, comes to the same.
    env = {"IMGFORGE_CACHE": str(tmp_path / "cache")}
    arguments = ("build", "--policy", "policy.toml", "--engine", "native", "--no-cache")
    assert imgforge(*arguments, cwd=folder, env=env).stdout.strip() == image

    out = folder / ".imgforge/image"
    run(tool("skopeo"), "copy", f"oci:{out}:1.0.0", f"dir:{tmp_path / 'dir'}", env=secured.env)
    for blob in json.loads((tmp_path / "dir/manifest.json").read_text())["layers"]:
        with tarfile.open(tmp_path / "dir" / blob["digest"].removeprefix("sha256:")) as tar:
            assert not [m.name for m in tar if m.mode & 0o6000]

    was = Layout.create(tmp_path / "was")
    pull(repository, top.digest, was)
    flat = Layout.open(tmp_path / "cache/bases" / pinned["digest"].removeprefix("sha256:"))
    before, after = (
        exported(was, top, "imgforge-test/was:1"),
        exported(flat, flat.index()[0], "imgforge-test/flat:1"),
    )
    assert before.pop("opt/su") == ("f", 0o4755, 0, 0, "", _hash(b"su"))
    assert after.pop("opt/su") == ("f", 0o755, 0, 0, "", _hash(b"su"))
    assert before.pop("opt/same")[1:4] == (0o4755, 0, 0)
    assert after.pop("opt/same")[1:4] == (0o755, 0, 0)
    assert before == after
    assert "opt/gone" not in after
    assert not any(path.startswith("usr/share/common-licenses/") for path in after)


def exported(
    layout: Layout, top: Descriptor, name: str
) -> dict[str, tuple[str, int, int, int, str, str]]:
    """Return what Docker makes of an image: kind, mode, owner, link and content by path."""
    engines.load(layout, top, [name])
    container = docker("create", name, "/nothing").stdout.strip()
    archive = layout.path.parent / f"{name.partition('/')[2].partition(':')[0]}.tar"
    try:
        docker("export", "--output", archive, container)
    finally:
        docker("rm", container)
        docker("image", "rm", "--force", name)
    found: dict[str, tuple[str, int, int, int, str, str]] = {}
    ours = (".dockerenv", "dev", "proc", "sys", "etc/hostname", "etc/hosts", "etc/resolv.conf")
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.startswith(ours) or member.name == "etc/mtab":
                continue
            content = tar.extractfile(member) if member.isfile() or member.islnk() else None
            kind = "d" if member.isdir() else "l" if member.issym() else "f"
            found[member.name] = (
                *(kind, member.mode, member.uid, member.gid),
                member.linkname if member.issym() else "",
                _hash(content.read()) if content else "",
            )
    return found


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

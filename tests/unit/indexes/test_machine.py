"""What steps are given of the machine: each package manager's settings, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from imgforge import indexes, settings
from imgforge.errors import InvalidInputError
from imgforge.indexes import machine, made, prologue

USER, WORD = "build bot", "p@ss'w<rd & \\more\""
URL = "https://packages.example.com/main"
EVERY = tuple(indexes.INDEXES)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home directory of a user whose variables say nothing of indexes."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("IMGFORGE_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")
    names = [n for index in indexes.INDEXES.values() for n in index.variables]
    names += [f.variable for index in indexes.INDEXES.values() for f in index.files]
    for name in (*names, *machine.PROXIES, "PIP_CONFIG_FILE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def put(home: Path, name: str, text: str) -> None:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_nothing_is_given_where_nothing_is_said(tmp_path: Path) -> None:
    assert machine.secrets(EVERY, tmp_path) == {}


def test_only_what_finds_an_index_is_taken_of_a_users_files(home: Path) -> None:
    put(
        home,
        ".config/pip/pip.conf",
        "[global]\nindex-url = https://a.example.com/simple\nfind-links = /opt/wheels\n"
        "extra-index-url = file:///srv/simple https://b.example.com/simple\ntarget = /tmp\n",
    )
    put(home, ".npmrc", "prefix=/usr/local\nregistry=https://a.example.com/\n//a/:_authToken=t\n")
    put(home, ".cargo/config.toml", '[build]\ntarget-dir = "/x"\n[source.a]\nregistry = "r"\n')
    put(home, ".bundle/config", '---\nBUNDLE_PATH: "x"\nBUNDLE_GEMS__EXAMPLE__COM: "u:p"\n')
    put(home, ".m2/settings.xml", "<settings/>")
    pip = machine.given("pip").variables
    assert pip["PIP_INDEX_URL"] == pip["UV_DEFAULT_INDEX"] == "https://a.example.com/simple"
    assert pip["PIP_EXTRA_INDEX_URL"] == pip["UV_INDEX"] == "https://b.example.com/simple"
    assert len(pip) == 4
    npm = machine.given("npm").files["imgforge-npmrc"]
    assert npm == "registry=https://a.example.com/\n//a/:_authToken=t\n"
    cargo = machine.given("cargo").files["imgforge-cargo-config"]
    assert "target-dir" not in cargo
    assert "[source.a]" in cargo
    bundler = machine.given("bundler").files["imgforge-bundle-config"]
    assert bundler == '---\nBUNDLE_GEMS__EXAMPLE__COM: "u:p"\n'
    assert machine.given("maven").files == {"imgforge-maven-settings": "<settings/>"}


def test_a_users_files_can_be_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, ".npmrc", "registry=https://a.example.com/\n")
    monkeypatch.setenv("IMGFORGE_INDEXES_USER_FILES", "no")
    assert machine.given("npm") == machine.Given({}, {}, ())


def test_a_login_file_for_many_places_is_handed_on_only_by_name(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, ".netrc", "machine a login b password c\n")
    assert machine.given("go").files == {}
    monkeypatch.setenv("NETRC", str(home / ".netrc"))
    assert "imgforge-netrc" in machine.given("go").files
    assert "imgforge-netrc" in machine.given("pip").files


def test_variables_that_begin_alike_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGO_REGISTRIES_OURS_INDEX", "sparse+https://a.example.com/")
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", "word")
    assert "CARGO_REGISTRIES_OURS_INDEX" in machine.given("cargo").variables
    assert "UV_INDEX_OURS_PASSWORD" in machine.given("pip").variables


def configured(tmp_path: Path, name: str, credentials: str) -> machine.Given:
    (tmp_path / "secret").write_text(credentials + "\n")
    (tmp_path / "config.toml").write_text(
        f'[indexes.{name}]\nurl = "{URL}"\ncredentials = "file:secret"\n'
    )
    return machine.given(name)


@pytest.mark.parametrize("name", EVERY)
def test_our_own_settings_reach_every_package_manager_whole(tmp_path: Path, name: str) -> None:
    found = configured(tmp_path, name, f"{USER}:{WORD}")
    assert found.origins == (f"indexes.{name}",)
    assert set(found.files) <= {file.secret for file in indexes.INDEXES[name].files}
    folder = tmp_path / "private"
    folder.mkdir()
    given = machine.secrets((name,), folder)
    assert given.keys() <= set(indexes.secrets((name,)))
    for secret in given.values():
        assert secret.file is not None
        assert secret.file.stat().st_mode & 0o077 == 0
    # A POSIX shell takes the variables for what they are.
    path = folder / indexes.INDEXES[name].secret
    for variable, value in found.variables.items():
        argv = ["/bin/sh", "-c", f'. "$1"; printf %s "${variable}"', "sh", str(path)]
        assert subprocess.run(argv, check=True, capture_output=True).stdout.decode() == value


def test_each_format_quotes_a_password(tmp_path: Path) -> None:
    import base64
    import tomllib
    from xml.etree import ElementTree as ET

    import yaml

    both = f"{USER}:{WORD}"
    pip = configured(tmp_path, "pip", both).variables["PIP_INDEX_URL"]
    assert pip == (
        "https://build%20bot:p%40ss%27w%3Crd%20%26%20%5Cmore%22@packages.example.com/main"
    )
    npm = configured(tmp_path, "npm", both).files["imgforge-npmrc"].splitlines()
    assert npm[0] == f"registry={URL}/"
    host, _, coded = npm[1].partition(":_auth=")
    assert (host, base64.b64decode(coded).decode()) == ("//packages.example.com/main/", both)
    text = configured(tmp_path, "maven", both).files["imgforge-maven-settings"]
    maven = ET.fromstring(text)  # noqa: S314 - our own
    assert maven.findtext(".//username") == USER
    assert maven.findtext(".//password") == WORD
    assert maven.findtext(".//mirrorOf") == "external:*"
    gradle = configured(tmp_path, "gradle", both).files["imgforge-gradle-init"]
    assert "password = 'p@ss\\'w<rd & \\\\more\"'" in gradle
    cargo = configured(tmp_path, "cargo", both)
    config = tomllib.loads(cargo.files["imgforge-cargo-config"])
    assert config["source"]["imgforge"]["registry"] == f"sparse+{URL}/"
    token = cargo.variables["CARGO_REGISTRIES_IMGFORGE_TOKEN"].removeprefix("Basic ")
    assert base64.b64decode(token).decode() == both
    bundler = yaml.safe_load(configured(tmp_path, "bundler", both).files["imgforge-bundle-config"])
    assert bundler["BUNDLE_MIRROR__HTTPS://RUBYGEMS__ORG/"] == f"{URL}/"
    assert bundler["BUNDLE_PACKAGES__EXAMPLE__COM"].startswith("build%20bot:p%40ss")
    auth = json.loads(configured(tmp_path, "composer", both).variables["COMPOSER_AUTH"])
    assert auth["http-basic"]["packages.example.com"] == {"username": USER, "password": WORD}


def test_tokens_go_where_package_managers_know_them(tmp_path: Path) -> None:
    npm = configured(tmp_path, "npm", "tok.en")
    assert "//packages.example.com/main/:_authToken=tok.en" in npm.files["imgforge-npmrc"]
    assert npm.variables["YARN_NPM_AUTH_TOKEN"] == "tok.en"
    assert "__token__:tok.en@" in configured(tmp_path, "pip", "tok.en").variables["PIP_INDEX_URL"]
    for name in ("maven", "gradle", "go"):
        with pytest.raises(InvalidInputError, match="knows no tokens"):
            configured(tmp_path, name, "tok.en")
    with pytest.raises(InvalidInputError, match="no token has"):
        configured(tmp_path, "npm", "a # comment")


def test_an_index_of_ours_drops_the_machines_other_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://public.example.com/simple")
    monkeypatch.setenv("UV_INDEX", "https://public.example.com/simple")
    found = configured(tmp_path, "pip", "a:b").variables
    assert set(found) == {"PIP_INDEX_URL", "UV_DEFAULT_INDEX"}


@pytest.mark.parametrize("line", ['url = "ftp://x"', 'url = "https://u:p@x/"', 'credentials = "x"'])
def test_wrong_settings_are_named_without_their_value(tmp_path: Path, line: str) -> None:
    (tmp_path / "config.toml").write_text(f"[indexes.npm]\n{line}\n")
    with pytest.raises(InvalidInputError) as caught:
        settings.load()
    text = "\n".join([caught.value.message, *caught.value.details])
    assert "indexes.npm" in text
    assert "u:p" not in text


@pytest.mark.parametrize("content", ["", "one\ntwo", "tab\tbed"])
def test_credentials_that_are_none_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidInputError, match=r"indexes\.npm"):
        configured(tmp_path, "npm", content)


def test_variables_win_over_the_file_key_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, "npm", "tok.en")
    monkeypatch.setenv("IMGFORGE_INDEX_NPM_URL", "https://other.example.com/")
    found = machine.given("npm").files["imgforge-npmrc"]
    assert found.startswith("registry=https://other.example.com/\n")
    assert "tok.en" in found


def test_one_setting_adds_authorities_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    (tmp_path / "system.pem").write_text(pem.format("AAAA"))
    (tmp_path / "ours.pem").write_text(pem.format("BBBB"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    monkeypatch.setenv("IMGFORGE_CA", str(tmp_path / "ours.pem"))
    folder = tmp_path / "private"
    folder.mkdir()
    found = machine.secrets(("pip", "maven"), folder)
    assert found[indexes.AUTHORITY].value() == pem.format("AAAA") + pem.format("BBBB")
    assert indexes.KEYSTORE in found
    with machine.trusted() as variables:
        assert "BBBB" in Path(variables["SSL_CERT_FILE"]).read_text()
    (tmp_path / "ours.pem").write_text("no certificate")
    with pytest.raises(InvalidInputError, match=r"ours\.pem holds no certificate"):
        machine.secrets(("pip",), folder)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("credentials", ["bot:long-pass-word", "a-long-token"])
def test_passwords_are_known_wherever_they_stand(
    tmp_path: Path, name: str, credentials: str
) -> None:
    if name in {"maven", "gradle", "go"}:  # they know no tokens
        credentials = "bot:long-pass-word"
    configured(tmp_path, name, credentials)
    folder = tmp_path / "private"
    folder.mkdir()
    found = machine.secrets((name,), folder)
    hidden = machine.sensitive((name,), found)
    for secret in found.values():
        text = secret.value()
        for value in hidden:
            text = text.replace(value, "")
        assert "long-pass-word" not in text
        assert "a-long-token" not in text


def test_users_files_hold_passwords_that_are_known() -> None:
    texts = (
        "machine a.example.com login me password netrc-word",
        "//a/:_authToken=npm-token",
        "<password>maven-word</password>",
        'token = "cargo-token"',
        'BUNDLE_A__B: "me:x"',
        "PIP_INDEX_URL=https://me:url%2Dword@a.example.com/",
    )
    found = machine.passwords(texts)
    wanted = {"netrc-word", "npm-token", "maven-word", "cargo-token", "url%2Dword", "url-word"}
    assert wanted <= set(found)


def test_the_settings_proxy_is_for_steps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert machine.proxies() == {"NO_PROXY": "localhost"}
    monkeypatch.setenv("IMGFORGE_PROXY", "http://proxy.example.com:3128")
    found = machine.proxies()
    assert found["HTTPS_PROXY"] == found["http_proxy"] == "http://proxy.example.com:3128"
    assert found["NO_PROXY"] == "localhost"


@pytest.mark.parametrize("name", EVERY)
def test_the_prologue_is_shell_and_does_nothing_without_secrets(name: str) -> None:
    lines = prologue.lines((name,), ())
    done = subprocess.run(
        ["/bin/sh", "-euc", " ".join(lines) + " env"], check=True, capture_output=True, env={}
    )
    assert b"imgforge" not in done.stdout


def test_links_lead_to_secrets_and_hold_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "MOUNTED", str(tmp_path))
    for name, link in (
        ("cargo", ".cargo/config.toml"),
        ("gradle", ".gradle/init.d/imgforge.gradle"),
    ):
        (file,) = indexes.INDEXES[name].files
        script = file.prepare.replace("/run/secrets", str(tmp_path))
        (tmp_path / file.secret).write_text("content")
        subprocess.run(
            ["/bin/sh", "-euc", script], check=True, env={"HOME": str(tmp_path / "home")}
        )
        made = tmp_path / "home" / link
        assert made.is_symlink()
        assert made.read_text() == "content"


def test_every_package_manager_has_its_own_settings() -> None:
    assert set(made._MAKERS) == set(EVERY)
    for name in EVERY:
        assert settings.Settings().indexes.of(name).url is None

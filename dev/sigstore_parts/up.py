"""Start a local Sigstore and keep it until standard input ends: up.py BIN FOLDER [PORT].

Writes ``sigstore.json`` (where everything answers) and the clients' files into FOLDER, and prints
the former on one line when all services answer. Ten ports from PORT on are used; without it, the
first ten that are free.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import authorities
import httpx
import issuer

_HOST = "127.0.0.1"
_PORTS = 10
_PATIENCE = 30.0  # seconds; on a calm machine all answer within two
# Below what the kernel gives to outgoing connections (ip(7), ip_local_port_range).
_FIRST, _LAST = 20000, 32000


def main() -> int:
    """Run until standard input ends or a service does; exit 3 if a service did not start."""
    programs, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    base = _ports(int(sys.argv[3]) if len(sys.argv) > 3 else None)  # noqa: PLR2004
    folder.mkdir(parents=True, exist_ok=True)
    http = [f"http://{_HOST}:{base + n}" for n in range(_PORTS)]
    services = authorities.Services(
        http[1], http[3], f"{http[5]}/api/v1/timestamp", http[0], http[0]
    )
    authorities.make(folder, services)
    said = {
        "issuer": http[0],
        "github_issuer": f"{http[0]}/gh",
        "fulcio": services.fulcio,
        "rekor": services.rekor,
        "tsa": services.tsa,
        "registry": f"{_HOST}:{base + 6}",
        "folder": str(folder),
    }
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _web(folder, base), _started(programs, folder, base, services) as running:
        for path in (
            f"{http[0]}/jwks",
            f"{http[1]}/healthz",
            f"{http[3]}/healthz",
            f"{http[5]}/ping",
            f"{http[6]}/v2/",
        ):
            if not _answers(path, running):
                print(f"no answer from {path}: see the logs in {folder}", file=sys.stderr)
                return 3
        (folder / "sigstore.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
        print(json.dumps(said), flush=True)
        # Whoever started us holds the other end: when they are gone, however, it ends.
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()
    return 0


def _ports(wanted: int | None) -> int:
    """Return the first of ten neighbouring ports that nobody has."""
    tries = [wanted] if wanted else random.sample(range(_FIRST, _LAST, _PORTS), 100)
    for base in tries:
        with contextlib.ExitStack() as taken:
            try:
                for port in range(base, base + _PORTS):
                    taken.enter_context(socket.socket()).bind((_HOST, port))
            except OSError:
                continue
            return base
    raise SystemExit(f"no ten free ports on {_HOST} from {tries[0]} on")


@contextlib.contextmanager
def _web(folder: Path, port: int) -> Iterator[None]:
    with issuer.server(folder, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def _started(
    programs: Path, folder: Path, base: int, services: authorities.Services
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start the four programs, each with a log in ``folder``; end them when the block ends."""
    settings = {
        "OIDCIssuers": {
            services.issuer + path: {
                "IssuerURL": services.issuer + path,
                "ClientID": "sigstore",
                "Type": kind,
            }
            for path, kind in (("", "email"), ("/gh", "github-workflow"))
        }
    }
    (folder / "fulcio.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "rekor").mkdir(exist_ok=True)
    key = authorities.PASSWORD
    commands: dict[str, list[str | int | Path]] = {
        "fulcio": [
            *("serve", "--ca", "fileca", "--fileca-watch=false", "--fileca-key-passwd", key),
            *("--fileca-cert", folder / "fulcio.chain.pem", "--fileca-key", folder / "fulcio.key"),
            *("--config-path", folder / "fulcio.json", "--ct-log-url", services.ctlog),
            *("--ct-log-public-key-path", folder / "ctlog.pub", "--metrics-port", base + 7),
            *("--host", _HOST, "--port", base + 1, "--grpc-host", _HOST, "--grpc-port", base + 2),
            *("--legacy-unix-domain-socket", f"@imgforge-sigstore-{base}"),
        ],
        # The name is the origin of its checkpoints: the host in the address clients know.
        "rekor-server": [
            *("serve", "--hostname", _HOST, "--http-address", _HOST, "--http-port", base + 3),
            *("--grpc-address", _HOST, "--grpc-port", base + 4, "--http-metrics-port", base + 8),
            *("--storage-dir", folder / "rekor", "--signer-filepath", folder / "rekor.key"),
            *("--signer-password", key, "--checkpoint-interval", "100ms"),
            *("--batch-max-age", "10ms"),
        ],
        "timestamp-server": [
            *("serve", "--host", _HOST, "--port", base + 5, "--disable-ntp-monitoring"),
            *("--timestamp-signer", "file", "--file-signer-key-path", folder / "tsa.key"),
            *("--certificate-chain-path", folder / "tsa.chain.pem"),
        ],
        "ociregistry": [f"{_HOST}:{base + 6}"],
    }
    environment = {**os.environ, "TSA_METRICS_PORT": str(base + 9)}
    running: list[subprocess.Popen[bytes]] = []
    with contextlib.ExitStack() as logs:
        try:
            for name, arguments in commands.items():
                log = logs.enter_context((folder / f"{name}.log").open("wb"))
                running.append(
                    subprocess.Popen(
                        [
                            # Should we be killed, they go along.
                            *("setpriv", "--pdeathsig", "KILL", "--", programs / name),
                            *map(str, arguments),
                        ],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env=environment,
                        start_new_session=True,
                    )
                )
            yield running
        finally:
            # They wait long for idle connections when asked, and have nothing to lose.
            for process in running:
                process.kill()
            for process in running:
                process.wait()


def _answers(url: str, running: list[subprocess.Popen[bytes]]) -> bool:
    """Wait for an answer; give up when time is over or a program ended."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and all(process.poll() is None for process in running):
        try:
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())

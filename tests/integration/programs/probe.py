"""Run inside a Python base: everything that a program may expect of it; prints one JSON object."""

import ctypes.util
import datetime as dt
import importlib
import json
import locale
import pathlib
import pkgutil
import socket
import sqlite3
import ssl
import sys
import warnings
import zoneinfo

# What needs a display, another system or a development package, or is a game or a test.
LEFT_OUT = {"antigravity", "idlelib", "lib2to3", "test", "this", "tkinter", "turtle", "turtledemo"}
FOREIGN = {"_android_support", "_ios_support", "_winapi", "msvcrt", "nt", "winreg", "winsound"}

warnings.simplefilter("ignore")
failed = {}
names = sorted(sys.stdlib_module_names - LEFT_OUT - FOREIGN)
there = {m.name for m in pkgutil.iter_modules()} | set(sys.builtin_module_names)
for name in names:
    if name in there:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - all are told
            failed[name] = f"{type(error).__name__}: {error}"

path = pathlib.Path("/tmp/Grüße-日本.txt")  # inside the container
path.write_text("ok")
spring = dt.datetime(2026, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
compiled = importlib.import_module("json").__cached__
print(
    json.dumps(
        {
            "version": f"{sys.version_info.major}.{sys.version_info.minor}",
            "imported": len(set(names) & there),
            "missing": sorted(n for n in names if n not in there and not n.startswith("_")),
            "failed": failed,
            "authorities": ssl.create_default_context().cert_store_stats()["x509_ca"],
            "listed": [p.name for p in pathlib.Path("/tmp").glob("Gr*")],
            "encoding": locale.getpreferredencoding(),
            "offset": str(spring.utcoffset()),
            "libraries": [ctypes.util.find_library(n) for n in ("c", "ssl", "z", "sqlite3")],
            "sqlite": sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0],
            "service": socket.getservbyname("https"),
            "bytecode": pathlib.Path(compiled).is_file(),
            "user": pathlib.Path("~").expanduser().as_posix(),
        }
    )
)

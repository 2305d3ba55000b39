"""Sites that are made before they are served: by Node.js's tools, Hugo, Jekyll and their kind."""

from __future__ import annotations

import re
from typing import Any, Final

from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree

_MAKERS: Final = {
    "react-scripts": "build",
    "@angular/cli": "dist",
    "@vue/cli-service": "dist",
    "@docusaurus/core": "build",
    "astro": "dist",
    "gatsby": "public",
    "@11ty/eleventy": "_site",
    "vitepress": ".vitepress/dist",
    "@sveltejs/adapter-static": "build",
    "parcel": "dist",
    "vite": "dist",
}
"""Package → the folder that its build makes by itself (each one's manual), the surest first."""

_SERVES: Final = frozenset(
    {
        *("express", "fastify", "koa", "hono", "next", "nuxt", "@nestjs/core", "@hapi/hapi"),
        *("@sveltejs/adapter-node", "@remix-run/serve", "@remix-run/node", "@astrojs/node"),
        *("@react-router/node", "@react-router/serve", "polka", "restify"),
    }
)
"""Packages of projects that are servers, whatever makes their pages."""

_ROUTED: Final = frozenset({"react-scripts", "vite", "@angular/cli", "@vue/cli-service", "parcel"})
"""Makers of one page that routes itself."""

_GENERATORS: Final = {
    "hugo.toml": ("hugo", "public"),
    "hugo.yaml": ("hugo", "public"),
    "_config.yml": ("jekyll build", "_site"),
    "mkdocs.yml": ("mkdocs build", "site"),
}
_OLD: Final = dict.fromkeys(("config.toml", "config.yaml"), ("hugo", "public"))
"""Settings of Hugo before 0.110, whose names others use too."""

_SETTINGS: Final = tuple(f"vite.config.{ending}" for ending in ("ts", "js", "mjs", "mts"))
_INSTALLS: Final = (
    ("pnpm-lock.yaml", "pnpm install && pnpm build"),
    ("yarn.lock", "yarn install && yarn build"),
)


def look(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how pages that are made first may be served; None if the folder makes none."""
    hugo = "content" in folder.folders and bool(
        folder.folders & {"archetypes", "themes", "layouts"}
    )
    for name, (command, made) in (*_GENERATORS.items(), *(_OLD.items() if hugo else ())):
        if name in folder.files:
            return _site(folder, Evidence(joined(folder.path, name), "a site"), command, made, "")
    manifest = joined(folder.path, "package.json")
    package = tree.json(manifest) if tree.has(manifest) else {}
    needs = {n for key in ("dependencies", "devDependencies") for n in _table(package, key)}
    maker = next((n for n in _MAKERS if n in needs), "")
    scripts = _table(package, "scripts")
    if not maker or needs & _SERVES or "build" not in scripts or _runs(scripts.get("start")):
        return None
    seen = Evidence(manifest, f"pages, made by {maker}")
    command = next((c for n, c in _INSTALLS if n in folder.files), "npm ci && npm run build")
    made = _output(tree, folder, maker)
    return _site(folder, seen, command, made, "index" if maker in _ROUTED else "")


def _site(folder: Folder, seen: Evidence, command: str, made: str, fallback: str) -> Candidate:
    parameters = {"root": made} | ({"fallback": fallback} if fallback else {})
    return Candidate(
        *("static", folder.path, 4, (seen,)),
        source=(made,),
        parameters={name: value for name, value in parameters.items() if value != "public"},
        doubts=(f"the pages must be made first: {command}; they come to {made}",),
        starts_itself=True,
    )


def _output(tree: Tree, folder: Folder, maker: str) -> str:
    """Return the folder of pages: what the maker's settings say, else its usual one."""
    if maker == "@angular/cli":
        text = tree.text(joined(folder.path, "angular.json"))
        found = re.search(r""""outputPath":\s*"([A-Za-z0-9_][\w/-]*)\"""", text)
        if found and '"@angular-devkit/build-angular:application"' in text:
            return f"{found[1]}/browser"
        return found[1] if found else "dist"
    texts = (tree.text(joined(folder.path, name)) for name in _SETTINGS)
    said = (re.search(r"""\boutDir:\s*["']([A-Za-z0-9_][\w/-]*)["']""", text) for text in texts)
    named = next((found[1] for found in said if found), "") if maker == "vite" else ""
    return named or _MAKERS[maker]


def _runs(start: object) -> bool:
    """Whether a start script runs a program of the project's own."""
    return isinstance(start, str) and re.match(r"(?:node|nodemon|tsx|ts-node)\b", start) is not None


def _table(package: dict[str, Any], key: str) -> dict[str, Any]:
    value = package.get(key)
    return value if isinstance(value, dict) else {}

#!/bin/sh
# Make ./links.jar: the same bytes wherever it is compiled with the same javac (17 or later).
set -eu
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
javac --release 17 -Werror -Xlint:all -g:none -d "$made/classes" src/links/*.java
jar --create --file "$made/links.jar" --main-class links.Links --date 2000-01-01T00:00:00Z \
  -C "$made/classes" .
mv "$made/links.jar" links.jar

#!/bin/sh
# Make ./status.jar as the Maven and Gradle plug-ins of Spring Boot lay out theirs: the library in
# BOOT-INF/lib, and two indexes that say in what order and in which layer things belong. Also
# ./maven.sha256, which says of what library it holds which bytes.
set -eu
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
time=2000-01-01T00:00:00Z
library=checks-1.4.0.jar

compile() { javac --release 17 -Werror -Xlint:all -g:none "$@"; }

about=$made/library/META-INF/maven/com.example/checks
mkdir -p "$about"
printf 'groupId=com.example\nartifactId=checks\nversion=1.4.0\n' > "$about/pom.properties"
compile -d "$made/library" library/checks/*.java

boot=$made/jar/BOOT-INF
mkdir -p "$boot/lib" "$boot/classes"
jar --create --file "$boot/lib/$library" --date $time -C "$made/library" .
compile -d "$boot/classes" -classpath "$boot/lib/$library" app/status/*.java
compile -d "$made/jar" loader/launch/*.java
printf -- '- "BOOT-INF/lib/%s"\n' "$library" > "$boot/classpath.idx"
printf -- '- "%s":\n  - "%s"\n' dependencies "BOOT-INF/lib/$library" \
  spring-boot-loader launch/ > "$boot/layers.idx"
printf -- '- "snapshot-dependencies":\n- "application":\n' >> "$boot/layers.idx"
printf -- '  - "%s"\n' BOOT-INF/classes/ BOOT-INF/classpath.idx BOOT-INF/layers.idx META-INF/ \
  >> "$boot/layers.idx"

printf '%s: %s\n' Main-Class launch.Launcher Start-Class status.Status \
  Implementation-Title Status Implementation-Version 1.0.0 \
  Spring-Boot-Classes BOOT-INF/classes/ Spring-Boot-Lib BOOT-INF/lib/ \
  Spring-Boot-Classpath-Index BOOT-INF/classpath.idx \
  Spring-Boot-Layers-Index BOOT-INF/layers.idx > "$made/manifest"
# --no-compress: a jar within a jar is stored as it is, or it could not be read in place.
jar --create --no-compress --file "$made/status.jar" --date $time --manifest "$made/manifest" \
  -C "$made/jar" .
mv "$made/status.jar" status.jar
hash=$(sha256sum "$boot/lib/$library" | cut -d ' ' -f 1)
echo "$hash  com/example/checks/1.4.0/$library" > maven.sha256

# Run inside the slim base: the tools that a script may expect; prints one JSON object.
set -eu
mkdir /tmp/work
cd /tmp/work
printf 'b\na\nc\n' >Grüße
tar -czf a.tgz Grüße
rm Grüße
tar -xzf a.tgz
first=$(sort Grüße | head -n 1 | sed 's/a/x/' | tr x y)
second=$(awk 'END { print NR }' Grüße)
third=$(find . -name 'Gr*' | xargs grep -c c)
test "$(bash -c 'echo ${BASH_VERSION%%.*}')" -ge 5
diff a.tgz a.tgz
ps >/dev/null
hostname >/dev/null
offset=$(TZ=Europe/Berlin date -d 2026-07-01T12:00:00Z +%:z)
echo "{\"first\": \"$first\", \"second\": $second, \"third\": $third, \"offset\": \"$offset\", \"user\": \"$(id -un)\"}"

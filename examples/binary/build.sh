#!/bin/sh
# Make ./server: static, stripped, and the same bytes wherever it is compiled with the same tools.
set -eu
cd "$(dirname "$0")"
${CC:-gcc} -std=c17 -O2 -Wall -Wextra -Werror -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
  -ffile-prefix-map="$PWD"=. -static-pie -fPIE -s -Wl,--build-id=none,-z,relro,-z,now -o server server.c

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library shows programs exactly what the version script names: check-exports.sh LIBRARY MAP.
set -euo pipefail

named=$(sed -e 's,/\*.*\*/,,' "$2" | awk '/global:/ { on = 1; next } /local:/ { on = 0 } on' | tr -s ' \t;' '\n' |
	sed '/^$/d' | LC_ALL=C sort)
shown=$(nm -D --defined-only "$1" | awk '{ sub(/@.*/, "", $NF); print $NF }' | LC_ALL=C sort)
if [ -z "$named" ]; then
	echo "$2: no names found" >&2
	exit 1
fi
diff -u --label "$2" --label "$1" <(echo "$named") <(echo "$shown") >&2

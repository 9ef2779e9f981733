#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each public header compiles alone, as C and as C++: check-headers.sh INCLUDE_DIR CC CXX (CXX empty: C only).
set -euo pipefail
include=$1 cc=$2 cxx=${3-}
bad=0

for header in "$include"/vmascope/*.h; do
	name=vmascope/${header##*/}
	if ! echo "#include <$name>" | "$cc" -std=c11 -Wall -Wextra -Werror -pedantic -fsyntax-only -I "$include" -x c -; then
		echo "$name: does not compile alone as C" >&2
		bad=1
	fi
	[ -n "$cxx" ] || continue
	if ! echo "#include <$name>" | "$cxx" -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I "$include" -x c++ -; then
		echo "$name: does not compile alone as C++" >&2
		bad=1
	fi
done
exit "$bad"

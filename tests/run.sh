#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the preset dev (or the one named) and runs its tests; more arguments go to ctest.
#   tests/run.sh [PRESET] [CTEST OPTION]…
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=dev
case "${1-}" in
'' | -*) ;;
*)
	preset=$1
	shift
	;;
esac

cmake --preset "$preset"
cmake --build --preset "$preset"
exec ctest --preset "$preset" --output-on-failure "$@"

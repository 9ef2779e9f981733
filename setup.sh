#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing (Debian, Ubuntu), builds vmascope and records a first program with it.
#   ./setup.sh             all of that
#   ./setup.sh --packages  only installs
#   ./setup.sh --tools     installs what tests/analyze.sh and tests/install/debian.sh need, too, and the databases and runtimes
#                          that ctest otherwise skips
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

packages=(build-essential cmake ninja-build pkg-config libunwind-dev libjansson-dev uthash-dev libdw-dev libsqlite3-dev python3
	git perl nodejs redis-server redis-tools nginx qemu-system-x86 busybox-static cpio groff-base
	strace stress-ng sqlite3 chromium e2fsprogs zsh
	liburing-dev luajit libgc-dev libjemalloc-dev clang libclang-rt-dev)

tools=(clang-tidy cppcheck valgrind debootstrap postgresql binutils
	gnat rustc golang-go sbcl ocaml mono-runtime mono-mcs qemu-user libgoogle-perftools-dev libmimalloc-dev default-jdk ruby)

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

is_installed()
{
	# shellcheck disable=SC2016
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

install_missing()
{
	local package missing=()

	if ! command -v dpkg-query >/dev/null; then
		echo "setup.sh: no dpkg here; these must be installed: ${packages[*]}" >&2
		return
	fi
	for package in "${packages[@]}"; do
		is_installed "$package" || missing+=("$package")
	done
	[ "${#missing[@]}" -eq 0 ] && return
	echo "setup.sh: installing ${missing[*]}"
	as_root apt-get update -q
	# RUNLEVEL: the test programs' daemons are not to be started by their packages.
	as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get install -y -q --no-install-recommends "${missing[@]}"
}

case "${1-}" in
'') ;;
--packages)
	install_missing
	exit
	;;
--tools)
	packages+=("${tools[@]}")
	install_missing
	exit
	;;
*)
	echo "usage: ./setup.sh [--packages|--tools]" >&2
	exit 2
	;;
esac

install_missing
cmake/train.sh release

mkdir -p build/demo
cd build/demo
vmascope=../release/bin/vmascope
"$vmascope" record -o python3.vmt --report=python3.json -- python3 -c 'import json,ssl'
"$vmascope" report python3.vmt
echo
echo "The same as JSON: build/demo/python3.json; the trace: build/demo/python3.vmt"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Do the Debian packages install and work on a Debian that has nothing else? Makes the packages, makes a minimal system by
# debootstrap in a folder, installs them there with what they depend on, and uses them. Needs root, debootstrap and a mirror.
#   tests/install/debian.sh [FOLDER [SUITE [MIRROR]]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=${1:-$(mktemp -d)}
suite=${2:-bookworm}
mirror=${3:-http://deb.debian.org/debian}

inside()
{
	chroot "$folder" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}

finish()
{
	umount "$folder/proc" 2>/dev/null || true
	[ -n "${keep-}" ] || rm -rf --one-file-system "$folder"
}

[ -z "${1-}" ] || keep=yes
trap finish EXIT
{ cmake/train.sh package && cpack --preset package; } >"$folder.log" 2>&1 || { tail "$folder.log"; exit 1; }
[ -e "$folder/etc/debian_version" ] || debootstrap --variant=minbase "$suite" "$folder" "$mirror" >"$folder.log"
mkdir -p "$folder/packages"
cp build/package/*.deb "$folder/packages/"
cp -r tests/install/consumer "$folder/packages/"
mount -t proc proc "$folder/proc"

echo "== the runtime alone"
inside apt-get update -qq
inside sh -c 'apt-get install -y -qq --no-install-recommends /packages/vmascope_*.deb' >"$folder.log" 2>&1
inside vmascope --version | head -2
inside vmascope record -o /tmp/sort.vmt --report=/tmp/sort.json -- sort /etc/passwd >/dev/null
inside vmascope check /tmp/sort.vmt
inside sh -c 'cd /tmp && LD_PRELOAD=$(ls /usr/lib/*/vmascope/libvmascope.so) VMASCOPE_OUT=/tmp/bare.json sort /etc/passwd >/dev/null'
inside grep -c '"verdict": *"match"' /tmp/sort.json /tmp/bare.json
inside sh -c 'test "$(stat -c %a /tmp/sort.vmt /tmp/sort.json /tmp/bare.json | sort -u)" = 600'

echo "== a program against the development package"
inside sh -c 'apt-get install -y -qq --no-install-recommends /packages/libvmascope-dev_*.deb gcc libc6-dev cmake make pkg-config' \
	>"$folder.log" 2>&1
inside sh -c 'cmake -S /packages/consumer -B /tmp/consumer && cmake --build /tmp/consumer' >"$folder.log" 2>&1
inside /tmp/consumer/model
inside vmascope record -o /tmp/api.vmt -- /tmp/consumer/api
inside /tmp/consumer/replay /tmp/api.vmt
inside sh -c 'gcc -o /tmp/pc /packages/consumer/model.c $(pkg-config --cflags --libs vmascope-model) && /tmp/pc'

echo "== removed without a trace"
inside apt-get purge -y -qq vmascope libvmascope-dev >"$folder.log" 2>&1
inside sh -c '! find /usr /etc -name "*vmascope*" | grep .'
rm -f "$folder.log"
echo "good"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs drawings, vectors, the fuzzer and what you name on other kernels: Debian's 6.1 and 6.12 cloud kernels, under
# qemu's software emulation. One boot a release, some seconds each.
#
#   tests/kernels/run.sh [OPTION]… [-- COMMAND…]
#     --releases 6.1,6.12   which (default both)
#     --build DIR           where things were built (default build/dev)
#     --calls N, --seed S   for the fuzzer (default 20000 from seed 1)
#     --jobs LIST           of drawings,vectors,fuzz,rules (default all but rules), or none
#     --file PATH           take this file along too (it and its libraries); may come again
#     --out DIR             keep what COMMAND and the jobs write to /out, by release (default: a temporary folder)
#   COMMAND runs there as one more job, by sh -c, with the build's programs in PATH.
#
# Kernels are fetched once, by apt-get download, into $VMASCOPE_KERNELS (default ~/.cache/vmascope-kernels). Exit status:
# 0 all passed, 1 something failed, 2 wrong usage, 77 no qemu, or a kernel can't be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

releases=6.1,6.12 build=$root/build/dev calls=20000 seed=1 jobs=drawings,vectors,fuzz files=() out='' command=''
cache=${VMASCOPE_KERNELS:-${XDG_CACHE_HOME:-$HOME/.cache}/vmascope-kernels}

usage()
{
	echo "run.sh: $1" >&2
	exit 2
}

skip()
{
	echo "run.sh: skipped: $1" >&2
	exit 77
}

while [ $# -gt 0 ]; do
	case $1 in
	--releases) releases=$2 ;;
	--build) build=$(cd "$2" && pwd) ;;
	--calls) calls=$2 ;;
	--seed) seed=$2 ;;
	--jobs) jobs=$2 ;;
	--file) files+=("$(realpath "$2")") ;;
	--out) out=$2 ;;
	--)
		shift
		command=$*
		break
		;;
	-h | --help)
		sed -n '3,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 0
		;;
	*) usage "unknown option $1; --help tells" ;;
	esac
	[ $# -ge 2 ] || usage "$1 needs a value"
	shift 2
done

for tool in qemu-system-x86_64 busybox cpio; do
	command -v "$tool" >/dev/null || skip "no $tool; ./setup.sh --packages installs it"
done
[ -x "$build/bin/vmascope" ] || usage "nothing built in $build"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "$out" ] || out=$work/out

# kernel_of RELEASE: the path of its image, fetched if it is not there
kernel_of()
{
	local release=$1 name folder=$cache/$1
	if ! compgen -G "$folder/boot/vmlinuz-*" >/dev/null; then
		mkdir -p "$cache"
		name=$(apt-cache search --names-only "^linux-image-${release//./\\.}\\.[0-9].*cloud-amd64\$" |
			awk '{print $1}' | grep -v unsigned | sort -V | tail -1)
		[ -n "$name" ] || return 1
		(cd "$cache" && rm -f "linux-image-$release".*.deb && apt-get download "$name" >/dev/null 2>&1 &&
			dpkg -x "linux-image-$release".*.deb "$release") || return 1
	fi
	compgen -G "$folder/boot/vmlinuz-*" | sort -V | tail -1
}

# take FILE…: into the guest at the same path, with the shared libraries that it needs
take()
{
	local file library
	for file in "$@"; do
		cp --parents -L "$file" "$work/root/"
		while read -r library; do
			[ -e "$work/root/$library" ] || cp --parents -L "$library" "$work/root/"
		done < <(ldd "$file" 2>/dev/null | awk '/=> \//{print $3} $1 ~ /^\//{print $1}' || true)
	done
}

# The jobs, as lines of a shell script: job NAME COMMAND…
write_jobs()
{
	local test
	case ,$jobs, in *,rules,*) echo "job rules vmascope kernel" ;; esac
	case ,$jobs, in *,drawings,*)
		for test in merge split protect mremap mmap unmap brk stack attributes; do
			echo "job drawings-$test test_$test kernel"
		done
		echo "job tables test_pgtable kernel"
		echo "job tables-random test_pgtable random $seed 4000"
		;;
	esac
	case ,$jobs, in *,vectors,*)
		for test in "$root"/tests/vectors/*.jsonl; do
			[ -e "$test" ] && echo "job vectors-$(basename "$test" .jsonl) vmascope conform '$test'"
		done
		;;
	esac
	case ,$jobs, in *,fuzz,*)
		# With few VMAs allowed at all, few are needed to use them up.
		echo "echo 250 >/proc/sys/vm/max_map_count"
		echo "job fuzz vmascope fuzz --calls $calls --seed $seed --most 1000 --shrink -o /out/fuzz"
		echo "echo 65530 >/proc/sys/vm/max_map_count"
		;;
	esac
	if [ -n "$command" ]; then
		printf '%s\n' "$command" >"$work/root/command.sh"
		echo "job command sh /command.sh"
	fi
}

write_root()
{
	local own_tmp='mount -t tmpfs none /tmp'
	case $build/ in /tmp/*) own_tmp=: ;; esac # what is taken along would be hidden
	mkdir -p "$work/root"/{bin,proc,sys,dev,tmp,out,root}
	cp "$(command -v busybox)" "$work/root/bin/"
	ln -sf busybox "$work/root/bin/sh"
	take "$build"/bin/vmascope "$build"/bin/test_* "$build"/lib/vmascope/libvmascope.so ${files[@]+"${files[@]}"}
	if compgen -G "$root/tests/vectors/*.jsonl" >/dev/null; then
		cp --parents "$root"/tests/vectors/*.jsonl "$work/root/"
	fi
	cat >"$work/root/init" <<-INIT
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		mount -t proc none /proc; mount -t sysfs none /sys; $own_tmp; mount -t devtmpfs none /dev
		echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
		echo 24 >/proc/sys/vm/nr_hugepages
		mkdir -p /dev/shm; mount -t tmpfs none /dev/shm; mount -t tmpfs none /out
		export PATH=/bin:$build/bin HOME=/root LC_ALL=C
		job()
		{
			name=\$1; shift
			"\$@" >/out/\$name.log 2>&1
			status=\$?
			echo "\$name \$status" >>/out/results
		}
		. /jobs.sh
		stty -F /dev/ttyS1 raw -echo
		tar -C /out -c . | gzip >/dev/ttyS1
		sync; poweroff -f
	INIT
	chmod +x "$work/root/init"
	write_jobs >"$work/root/jobs.sh"
	(cd "$work/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"
}

# boot RELEASE KERNEL: the guest's /out in $out/RELEASE
boot()
{
	local release=$1 kernel=$2 limit=$((300 + calls / 100))
	rm -rf "${out:?}/$release"
	mkdir -p "$out/$release"
	timeout "$limit" qemu-system-x86_64 -M q35 -cpu max,-pku,-la57 -m "${MEMORY:-1536}" -smp 1 -display none -monitor none \
		-no-reboot -nic none -serial "file:$out/$release/console" -serial "file:$work/$release.tar.gz" \
		-kernel "$kernel" -initrd "$work/initrd" -append "console=ttyS0 quiet panic=-1 secretmem.enable=1" </dev/null || true
	tar -C "$out/$release" -xzf "$work/$release.tar.gz" 2>/dev/null
}

# tell RELEASE: one line a job, and all that a failed one said. False when one failed.
tell()
{
	local name status good=0
	while read -r name status; do
		case $status in
		0) echo "ok    $1 $name: $(tail -1 "$out/$1/$name.log")" ;;
		77) echo "skip  $1 $name: $(tail -1 "$out/$1/$name.log")" ;;
		*)
			echo "FAIL  $1 $name ($status)"
			sed 's/^/      /' "$out/$1/$name.log"
			good=1
			;;
		esac
	done <"$out/$1/results"
	return "$good"
}

write_root
failed=0
for release in ${releases//,/ }; do
	kernel=$(kernel_of "$release") || skip "no kernel $release: neither in $cache nor from apt"
	# A busy machine can make an emulated one stumble in its first moments: once more.
	boot "$release" "$kernel" || boot "$release" "$kernel" || true
	if [ -s "$out/$release/results" ]; then
		tell "$release" || failed=1
	else
		echo "FAIL  $release: the guest did not come to its end"
		tail -5 "$out/$release/console" | tr -d '\r' | sed 's/^/      /'
		failed=1
	fi
done
exit "$failed"

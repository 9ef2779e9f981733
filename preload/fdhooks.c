/* SPDX-License-Identifier: MIT */
/*
 * fdhooks.c - see fdhooks.h. An entry is dropped before its descriptor is closed: afterwards the number may be another
 * thread's already. The recorder's lock is taken only where a descriptor of ours gets another number.
 */
#include "fdhooks.h"

#include <errno.h>
#include <string.h>

#include "call.h"
#include "fdtable.h"
#include "lock.h"
#include "sys.h"

#include "inject.h"

#define CLOSE_RANGE_UNSHARE_FLAG 2
#define CLOSE_RANGE_CLOEXEC_FLAG 4

static bool is_foreign(void)
{
	return vmsc_self.vfork || vmsc_rec.shared->pid != sys_getpid();
}

long vmsc_fdhook_close(const uint64_t args[6])
{
	int fd = args[0];

	/* A vfork child has descriptors of its own. */
	if (vmsc_self.vfork)
		return vmsc_call_raw(SYS_close, args);
	if (vmsc_fd_is_own(fd))
		return -EBADF;
	if (vmsc_fd_uffd(fd)) {
		long ret = vmsc_call(SYS_close, args);

		vmsc_fd_drop(fd, fd);
		return ret;
	}
	vmsc_fd_drop(fd, fd);
	return vmsc_call_raw(SYS_close, args);
}

/* The lowest descriptor of ours in [first, last], -1: none. */
static int next_own(unsigned int first, unsigned int last)
{
	int lowest = -1;

	for (int which = 0; which < VMSC_NR_OWN_FDS; which++) {
		int fd = vmsc_fd_peek_own(which);

		if (fd >= 0 && (unsigned int)fd >= first && (unsigned int)fd <= last && (lowest < 0 || fd < lowest))
			lowest = fd;
	}
	return lowest;
}

long vmsc_fdhook_close_range(const uint64_t args[6])
{
	unsigned int first = args[0], last = args[1];
	long ret = 0;
	int own;

	if (is_foreign() || first > last || args[2] & CLOSE_RANGE_UNSHARE_FLAG)
		return vmsc_call_raw(SYS_close_range, args);
	if (!(args[2] & CLOSE_RANGE_CLOEXEC_FLAG))
		vmsc_fd_drop(first, last);
	while (!ret && first <= last && (own = next_own(first, last)) >= 0) {
		if ((unsigned int)own > first)
			ret = sys3(SYS_close_range, first, own - 1, args[2]);
		first = own + 1;
		if (!first)
			return ret;
	}
	if (!ret && first <= last)
		ret = sys3(SYS_close_range, first, last, args[2]);
	return ret;
}

/* Whoever has the lock may be about to use it by its number, and then would have the program's file. */
static void yield(int fd)
{
	bool locked = vmsc_lock_try(vmsc_tid());

	vmsc_fd_yield(fd);
	if (locked)
		vmsc_lock_release(vmsc_call_drain);
}

long vmsc_fdhook_dup(uint32_t nr, const uint64_t args[6])
{
	int from = args[0], to = args[1];
	long ret;

	if (is_foreign() || from == to)
		return vmsc_call_raw(nr, args);
	if (vmsc_fd_is_own(from))
		return -EBADF;
	if (vmsc_fd_is_own(to))
		yield(to);
	vmsc_fd_drop(to, to);
	ret = vmsc_call_raw(nr, args);
	if (ret == to && vmsc_fd_file(from))
		vmsc_fd_set_file(to, vmsc_fd_file(from));
	return ret;
}

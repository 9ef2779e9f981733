/* SPDX-License-Identifier: MIT */
/* intrude.c - see intrude.h. */
#include "intrude.h"

#include <signal.h>
#include <stddef.h>

#include "arena.h"
#include "call.h"
#include "finish.h"
#include "recorder.h"
#include "spare.h"
#include "sys.h"

#include "inject.h"

enum { PKEY_MPROTECT = 329, ADVICE_DONTNEED_LOCKED = 24, ADVICE_GUARD_INSTALL = 102 };

/* What is left of the shared state when its memory is the program's. */
static struct vmsc_shared remains = { .state = VMSC_STATE_OFF };

static bool overlaps(uint64_t start, uint64_t length)
{
	uint64_t end = start + length < start ? UINT64_MAX : start + length;

	return length && vmsc_arena_overlaps(start, end);
}

static bool destroys(uint64_t advice)
{
	return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE ||
	       advice == ADVICE_DONTNEED_LOCKED || advice == ADVICE_GUARD_INSTALL;
}

bool vmsc_intrude_is(uint32_t nr, const uint64_t args[6])
{
	switch (nr) {
	case SYS_munmap:
		return overlaps(args[0], args[1]);
	case SYS_mmap:
		return args[3] & MAP_FIXED && overlaps(args[0], args[1]);
	case SYS_mprotect:
	case PKEY_MPROTECT:
		return (args[2] & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE) && overlaps(args[0], args[1]);
	case SYS_mremap:
		return overlaps(args[0], args[1]) || (args[3] & MREMAP_FIXED && overlaps(args[4], args[2]));
	case SYS_madvise:
		return destroys(args[2]) && overlaps(args[0], args[1]);
	default:
		return false;
	}
}

long vmsc_intrude_call(uint32_t nr, const uint64_t args[6])
{
	uint64_t start = args[0], end = start + args[1], low, high;
	long ret = 0;

	vmsc_arena_libraries(&low, &high);
	if (nr != SYS_munmap || start % VMSC_PAGE_SIZE || end < start || end <= low || start >= high)
		return vmsc_call_raw(nr, args);
	if (start < low)
		ret = sys_munmap(start, low - start);
	if (!ret && end > high)
		ret = sys_munmap(high, end - high);
	return ret;
}

static void stop(void *data)
{
	(void)data;
	vmsc_finish_stop("the program takes memory of the recorder's");
}

void vmsc_intrude_yield(void)
{
	const uint64_t all = ~UINT64_C(0);
	uint64_t before = 0;

	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&all, (uintptr_t)&before, sizeof(all), 0, 0);
	vmsc_spare_run(stop, NULL);
	remains.pid = vmsc_rec.shared->pid;
	vmsc_rec.replay = NULL;
	vmsc_rec.header = NULL;
	vmsc_rec.pending_room = 0;
	__atomic_store_n(&vmsc_rec.shared, &remains, __ATOMIC_RELEASE);
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&before, 0, sizeof(before), 0, 0);
}

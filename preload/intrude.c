/* SPDX-License-Identifier: MIT */
/* intrude.c - see intrude.h. */
#include "intrude.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "call.h"
#include "finish.h"
#include "recorder.h"
#include "spare.h"
#include "sys.h"

#include "inject.h"

enum { PKEY_MPROTECT = 329, ADVICE_DONTNEED_LOCKED = 24, ADVICE_GUARD_INSTALL = 102 };

#define NR_SPANS 2

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

/* What was loaded for us, and this library. The loader knows them, and all patched calls come here. In the order of addresses. */
struct span {
	uint64_t start, end;
};

static void list_libraries(struct span spans[NR_SPANS])
{
	vmsc_arena_libraries(&spans[0].start, &spans[0].end);
	spans[1] = (struct span){ vmsc_rec.text_start, vmsc_rec.text_end };
}

static bool hits_library(uint64_t start, uint64_t length)
{
	uint64_t end = start + length < start ? UINT64_MAX : start + length;
	struct span spans[NR_SPANS];

	if (!length || (end <= vmsc_rec.text_start && end <= vmsc_arena_base()))
		return false;
	list_libraries(spans);
	for (int i = 0; i < NR_SPANS; i++) {
		if (start < spans[i].end && spans[i].start < end)
			return true;
	}
	return false;
}

bool vmsc_intrude_is_library(uint32_t nr, const uint64_t args[6])
{
	switch (nr) {
	case SYS_munmap:
	case SYS_mprotect:
	case PKEY_MPROTECT:
		return hits_library(args[0], args[1]);
	case SYS_mmap:
		return args[3] & MAP_FIXED && hits_library(args[0], args[1]);
	case SYS_mremap:
		return hits_library(args[0], args[1]) || (args[3] & MREMAP_FIXED && hits_library(args[4], args[2]));
	case SYS_madvise:
		return destroys(args[2]) && hits_library(args[0], args[1]);
	default:
		return false;
	}
}

static long call_on(uint32_t nr, const uint64_t args[6], uint64_t start, uint64_t end)
{
	uint64_t part[6];

	if (start >= end)
		return 0;
	memcpy(part, args, sizeof(part));
	part[0] = start;
	part[1] = end - start;
	return vmsc_call_raw(nr, part);
}

/* The call for what of its range lies beside our libraries. */
static long call_beside(uint32_t nr, const uint64_t args[6])
{
	uint64_t at = args[0], end = (at + args[1] + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1);
	struct span spans[NR_SPANS];
	long ret = 0;

	list_libraries(spans);
	for (int i = 0; i < NR_SPANS && !ret; i++) {
		if (at >= spans[i].end || spans[i].start >= end)
			continue;
		ret = call_on(nr, args, at, spans[i].start);
		at = spans[i].end;
	}
	return ret ? ret : call_on(nr, args, at, end);
}

long vmsc_intrude_call(uint32_t nr, const uint64_t args[6])
{
	if (!vmsc_intrude_is_library(nr, args) || args[0] % VMSC_PAGE_SIZE || args[0] + args[1] < args[0])
		return vmsc_call_raw(nr, args);
	if (nr == SYS_mmap)
		return -ENOMEM;
	if (nr == SYS_mremap)
		return hits_library(args[0], args[1]) ? -EFAULT : -ENOMEM;
	return call_beside(nr, args);
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
	__atomic_store_n(&vmsc_rec.header, NULL, __ATOMIC_RELAXED);
	vmsc_rec.pending_room = 0;
	__atomic_store_n(&vmsc_rec.shared, &remains, __ATOMIC_RELEASE);
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&before, 0, sizeof(before), 0, 0);
}

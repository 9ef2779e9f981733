/* SPDX-License-Identifier: MIT */
/* arena.c - see arena.h. Freed memory is kept in lists by power of two. */
#include "arena.h"

#include <errno.h>
#include <string.h>

#include "recorder.h"
#include "sys.h"

#include "inject.h"

#define GROW_BY (UINT64_C(1) << 20)
#define MIN_SHIFT 5
#define NR_CLASSES 40
#define POOL_GAP UINT64_C(0x10000)
#define POOL_SIZE (VMSC_OWN_SIZE - VMSC_OWN_POOL)
#define POOL_TRIES 1000 /* places */

struct free_chunk {
	struct free_chunk *next;
};

/* end_byte and pool_used are also read without the lock. */
static uint64_t base = 0, next_byte = 0, end_byte = 0, pool_used = 0, library_next = 0;
static struct free_chunk *free_chunks[NR_CLASSES] = { NULL };

/*
 * A process at max_map_count can map nothing, not even over what is mapped. One page is kept to be given up for the time
 * of such a call.
 */
long vmsc_arena_map(uint64_t at, size_t size, int prot, int flags, int fd, uint64_t offset)
{
	const int ballast_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
	long ret = sys_mmap(at, size, prot, flags, fd, offset);

	if (ret != -ENOMEM || sys_munmap(base + VMSC_OWN_BALLAST, VMSC_PAGE_SIZE))
		return ret;
	ret = sys_mmap(at, size, prot, flags, fd, offset);
	sys_mmap(base + VMSC_OWN_BALLAST, VMSC_PAGE_SIZE, PROT_NONE, ballast_flags, -1, 0);
	return ret;
}

static int map_more(size_t size)
{
	uint64_t length = (size + GROW_BY - 1) / GROW_BY * GROW_BY;
	long at;

	if (end_byte + length > base + VMSC_OWN_LIBRARIES)
		return -ENOMEM;
	at = vmsc_arena_map(end_byte, length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (sys_failed(at))
		return at;
	if ((uint64_t)at != end_byte) {
		sys_munmap(at, length);
		return -EEXIST;
	}
	sys_madvise(at, length, MADV_DONTDUMP);
	__atomic_store_n(&end_byte, end_byte + length, __ATOMIC_RELAXED);
	return 0;
}

int vmsc_arena_start(void)
{
	int err = -EEXIST;

	for (int i = 0; err && i <= VMSC_OWN_TRIES; i++) {
		base = i < VMSC_OWN_TRIES ? VMSC_OWN_BASE + i * VMSC_OWN_SIZE : VMSC_OWN_LAST_BASE;
		next_byte = end_byte = base + VMSC_OWN_ARENA;
		err = map_more(GROW_BY);
	}
	if (err) {
		base = 0;
		return err;
	}
	sys_mmap(base + VMSC_OWN_BALLAST, VMSC_PAGE_SIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	library_next = base + VMSC_OWN_LIBRARIES;
	return 0;
}

uint64_t vmsc_arena_base(void)
{
	return base;
}

/*
 * The slot is only where we look for room: a program that chooses addresses at random (V8 does) may have something there too.
 * Ours is what we have used of each part.
 */
struct part {
	uint64_t start, end;
};

enum { NR_PARTS = 7 };

static void list_parts(struct part parts[NR_PARTS])
{
	uint64_t used = __atomic_load_n(&pool_used, __ATOMIC_RELAXED);
	const struct part all[NR_PARTS] = {
		{ base + VMSC_OWN_STATE, base + VMSC_OWN_STATE + VMSC_SHARED_SIZE + VMSC_PAGE_SIZE - 1 },
		{ base + VMSC_OWN_HEADER, base + VMSC_OWN_HEADER + VMSC_TRACE_HEADER_SIZE },
		{ base + VMSC_OWN_BALLAST, base + VMSC_OWN_BALLAST + VMSC_PAGE_SIZE },
		{ base + VMSC_OWN_WINDOW, base + VMSC_OWN_WINDOW + VMSC_TRACE_BLOCK_SIZE },
		{ base + VMSC_OWN_ARENA, __atomic_load_n(&end_byte, __ATOMIC_RELAXED) },
		{ base + VMSC_OWN_LIBRARIES, library_next },
		{ base + VMSC_OWN_POOL, base + VMSC_OWN_POOL + (used < POOL_SIZE ? used : POOL_SIZE) },
	};

	memcpy(parts, all, sizeof(all));
}

bool vmsc_arena_owns(uint64_t start, uint64_t end)
{
	struct part parts[NR_PARTS];

	if (!base || start < base || end > base + VMSC_OWN_SIZE || start >= end)
		return false;
	list_parts(parts);
	for (size_t i = 0; i < NR_PARTS; i++) {
		if (start >= parts[i].start && end <= parts[i].end)
			return true;
	}
	return false;
}

bool vmsc_arena_overlaps(uint64_t start, uint64_t end)
{
	struct part parts[NR_PARTS];

	if (!base || end <= base || start >= base + VMSC_OWN_SIZE)
		return false;
	list_parts(parts);
	for (size_t i = 0; i < NR_PARTS; i++) {
		bool is_inside = start >= parts[i].start && end <= parts[i].end;

		if (is_inside && parts[i].start >= base + VMSC_OWN_LIBRARIES)
			return false;
		if (start < parts[i].end && parts[i].start < end)
			return true;
	}
	return false;
}

void vmsc_arena_libraries(uint64_t *start, uint64_t *end)
{
	*start = base + VMSC_OWN_LIBRARIES;
	*end = library_next;
}

void vmsc_arena_restart(void)
{
	next_byte = end_byte;
	for (int i = 0; i < NR_CLASSES; i++)
		free_chunks[i] = NULL;
}

static unsigned int class_of(size_t size)
{
	unsigned int shift = MIN_SHIFT;

	while (((size_t)1 << shift) < size)
		shift++;
	return shift;
}

void *vmsc_arena_alloc(size_t size)
{
	unsigned int shift = class_of(size);
	struct free_chunk *chunk;

	if (!base || shift >= NR_CLASSES)
		return NULL;
	chunk = free_chunks[shift];
	if (chunk) {
		free_chunks[shift] = chunk->next;
		return chunk;
	}
	if (next_byte + ((uint64_t)1 << shift) > end_byte && map_more(next_byte + ((uint64_t)1 << shift) - end_byte))
		return NULL;
	chunk = (void *)(uintptr_t)next_byte;
	next_byte += (uint64_t)1 << shift;
	return chunk;
}

void vmsc_arena_free(void *ptr, size_t size)
{
	struct free_chunk *chunk = ptr;
	unsigned int shift = class_of(size);

	if (!chunk)
		return;
	chunk->next = free_chunks[shift];
	free_chunks[shift] = chunk;
}

/* Once the pool's end is reached, again from its start, where much has been freed. 0: it does not fit before the end. */
static uint64_t next_in_pool(size_t size)
{
	uint64_t length = (size + POOL_GAP - 1) / POOL_GAP * POOL_GAP + POOL_GAP;
	uint64_t at = __atomic_fetch_add(&pool_used, length, __ATOMIC_RELAXED) % POOL_SIZE;

	return at + length <= POOL_SIZE ? base + VMSC_OWN_POOL + at : 0;
}

long vmsc_arena_pool(size_t size, int prot)
{
	for (int i = 0; i < POOL_TRIES; i++) {
		uint64_t at = next_in_pool(size);
		long ret = !at ? -EEXIST : sys_mmap(at, size, prot,
						    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

		if (ret != -EEXIST)
			return ret;
	}
	return -ENOMEM;
}

uint64_t vmsc_arena_library(size_t size)
{
	uint64_t at = library_next;

	library_next += (size + POOL_GAP - 1) / POOL_GAP * POOL_GAP + POOL_GAP;
	return at;
}

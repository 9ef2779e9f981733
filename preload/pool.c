/* SPDX-License-Identifier: MIT */
/* pool.c - see pool.h. */
#include "pool.h"

#include <stdbool.h>

#include "memory.h"
#include "sys.h"
#include "text.h"

#include "inject.h"

#define HUGE_SHIFT 26 /* of mmap's flags: log2 of the page size, 0: the default */
#define HUGE_MASK 63
#define UNKNOWN UINT64_MAX

static uint64_t read_count(unsigned int shift, const char *name)
{
	char path[96];
	struct vmsc_text text = vmsc_text_in(path, sizeof(path));

	vmsc_text_put(&text, "/sys/kernel/mm/hugepages/hugepages-");
	vmsc_text_number(&text, UINT64_C(1) << shift >> 10);
	vmsc_text_put(&text, "kB/");
	vmsc_text_put(&text, name);
	return vmsc_sys_number(path, UNKNOWN);
}

/* Pages that can be reserved: those that nobody has or was promised, and those by which the pool may still grow. */
static uint64_t available(unsigned int shift)
{
	uint64_t free = read_count(shift, "free_hugepages"), reserved = read_count(shift, "resv_hugepages"),
		 most = read_count(shift, "nr_overcommit_hugepages"), surplus = read_count(shift, "surplus_hugepages");

	if (free == UNKNOWN || reserved == UNKNOWN || most == UNKNOWN || surplus == UNKNOWN)
		return UNKNOWN;
	return (free > reserved ? free - reserved : 0) + (most > surplus ? most - surplus : 0);
}

uint64_t vmsc_pool_lacks(uint64_t length, uint64_t flags)
{
	unsigned int shift = flags >> HUGE_SHIFT & HUGE_MASK;
	uint64_t needed, there;

	if (flags & MAP_NORESERVE)
		return 0;
	shift = shift ? shift : vmsc_memory_huge_page() ? (unsigned int)__builtin_ctzll(vmsc_memory_huge_page()) : 21;
	needed = (length >> shift) + ((length & ((UINT64_C(1) << shift) - 1)) != 0);
	there = available(shift);
	return there < needed ? (needed - there) << shift : 0;
}

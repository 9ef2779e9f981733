/* SPDX-License-Identifier: MIT */
/*
 * scratch.h - a piece of address space to try things in, and a look at what the kernel made of it.
 */
#ifndef VMSC_ANALYZER_SCRATCH_H
#define VMSC_ANALYZER_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmascope/trace.h"

#define SCRATCH_BASE UINT64_C(0x200000000000)

enum {
	RW = 3,
	ANON = 0x22,
	ANON_NORESERVE = 0x4022
}; /* PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, … */

static inline void *scratch_page(size_t page)
{
	return (void *)(SCRATCH_BASE + page * VMSC_PAGE_SIZE); /* NOLINT: an address of our own making */
}

/* Pages [first, first + nr) at their place; false when the kernel would not. */
bool scratch_map(size_t first, size_t nr, int prot, int flags);
bool scratch_map_fd(size_t first, size_t nr, int prot, int flags, int fd);
void scratch_touch(size_t page);
bool scratch_protect(size_t first, size_t nr, int prot);

struct scratch_view {
	size_t nr;		       /* VMAs that overlap the range asked for */
	uint64_t start, end, vm_flags; /* of the first one, in pages from the base */
	bool is_heap;		       /* named [heap] */
};

/* What the kernel shows in [first, first + nr) pages, or at [start, end). */
void scratch_look(size_t first, size_t nr, struct scratch_view *view);
void scratch_look_at(uint64_t start, uint64_t end, struct scratch_view *view);
/* The same, flags of the first VMA only. */
uint64_t scratch_flags(size_t page);
size_t scratch_vmas(size_t first, size_t nr);

#endif

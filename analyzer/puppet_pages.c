/* SPDX-License-Identifier: MIT */
/*
 * puppet_pages.c - has a VMA pages of its own? As the recorder asks (preload/look.c): by PAGEMAP_SCAN (6.7),
 * which knows the page of zeroes, else by the text of pagemap, which does not.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "puppet.h"

/* struct page_region, struct pm_scan_arg and PAGE_IS_… of linux/fs.h, which older headers lack. */
struct region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, mask, anyof, wanted;
};

enum {
	IS_FILE = 1 << 2,
	IS_PRESENT = 1 << 3,
	IS_SWAPPED = 1 << 4,
	IS_ZERO = 1 << 5,
	IS_HUGE = 1 << 6,
	IS_GUARD = 1 << 8 /* Linux 6.15: a guard page, which seems to be swapped out */
};

#define SCAN _IOWR('f', 16, struct scan)

/* How many were found, 0 or 1; -1: it can't be asked so. */
static int scan(const struct vmsc_puppet *puppet, uint64_t start, uint64_t end, uint64_t inverted,
		uint64_t mask, struct region *found)
{
	static uint64_t guard = IS_GUARD; /* 0: the kernel does not know it */
	struct scan arg = {.size = sizeof(arg),
			   .start = start,
			   .end = end,
			   .vec = (uintptr_t)found,
			   .vec_len = 1,
			   .max_pages = 1,
			   .inverted = inverted | guard,
			   .mask = mask | guard,
			   .anyof = IS_PRESENT | IS_SWAPPED,
			   .wanted = IS_ZERO | IS_HUGE};
	int nr;

	nr = ioctl(puppet->pagemap, SCAN, &arg);
	if (nr >= 0 || errno != EINVAL || !guard)
		return nr;
	guard = 0;
	return scan(puppet, start, end, inverted, mask, found);
}

/* The huge page of zeroes is an anonymous page of its VMA's all the same; the small one is not. */
static int scan_pages(const struct vmsc_puppet *puppet, uint64_t start, uint64_t end, uint64_t *addr)
{
	struct region found = {0, 0, 0};
	int nr = scan(puppet, start, end, IS_FILE, IS_FILE, &found);

	if (nr > 0 && found.categories == IS_ZERO) {
		nr = scan(puppet, start, end, IS_FILE | IS_ZERO, IS_FILE | IS_ZERO, &found);
		if (!nr)
			nr = scan(puppet, start, end, 0, IS_ZERO | IS_HUGE, &found);
	}
	*addr = found.start;
	return nr;
}

#define PAGEMAP_FILE	UINT64_C(0x2000000000000000)
#define PAGEMAP_SWAP	UINT64_C(0x4000000000000000)
#define PAGEMAP_PRESENT UINT64_C(0x8000000000000000)

static bool read_pages(const struct vmsc_puppet *puppet, uint64_t start, uint64_t end, uint64_t *addr)
{
	uint64_t entries[512];

	for (; start < end; start += sizeof(entries) / sizeof(entries[0]) * VMSC_PAGE_SIZE) {
		uint64_t pages = (end - start) >> VMSC_PAGE_SHIFT;
		size_t size = (pages < 512 ? pages : 512) * sizeof(entries[0]);
		ssize_t n = pread(puppet->pagemap, entries, size,
				  (off_t)((start >> VMSC_PAGE_SHIFT) * sizeof(entries[0])));

		for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(entries[0]); i++) {
			*addr = start + i * VMSC_PAGE_SIZE;
			if ((entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAP)) && !(entries[i] & PAGEMAP_FILE))
				return true;
		}
	}
	return false;
}

bool vmsc_puppet_has_page(struct vmsc_puppet *puppet, uint64_t start, uint64_t end, uint64_t *addr)
{
	int nr = scan_pages(puppet, start, end, addr);

	return nr < 0 ? read_pages(puppet, start, end, addr) : nr > 0;
}

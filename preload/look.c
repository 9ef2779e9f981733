/* SPDX-License-Identifier: MIT */
/* look.c - see look.h. Newer kernels answer by ioctl; on older ones the text files of /proc are read. */
#include "look.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <string.h>

#include "fdtable.h"
#include "sys.h"

#include "inject.h"

/* struct procmap_query and struct pm_scan_arg of linux/fs.h, which the build machine's headers may not have. */
struct vma_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

#define QUERY_VMA _IOWR('f', 17, struct vma_query)
#define QUERY_COVERING_OR_NEXT 0x10
#define QUERY_READ 1
#define QUERY_WRITE 2
#define QUERY_EXEC 4
#define QUERY_SHARED 8

struct page_region {
	uint64_t start, end, categories;
};

struct page_scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_PAGES _IOWR('f', 16, struct page_scan)
#define PAGE_IS_FILE 4
#define PAGE_IS_PRESENT 8
#define PAGE_IS_SWAPPED 16
#define PAGE_IS_PFNZERO 32
#define PAGE_IS_HUGE 64
#define PAGE_IS_GUARD 256 /* Linux 6.15: a guard page, which seems to be swapped out */

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_FILE (UINT64_C(1) << 61)

#define CHUNK 16384
#define NR_REGIONS 32 /* pages of one kind that the kernel tells at a time */
#define NR_SCANS 16
#define READ_MAX (UINT64_C(64) << 20) /* memory of which older kernels are asked page by page */

static struct vmsc_smaps parser = { 0 };
static char chunk[CHUNK] = { 0 };
static bool no_query = false, no_scan = false;
static uint64_t guard_category = PAGE_IS_GUARD; /* 0: the kernel does not know it */

int vmsc_look_all(bool flags, vmsc_look_emit emit, void *ctx)
{
	int fd = vmsc_fd_own(flags ? VMSC_OWN_FD_SMAPS : VMSC_OWN_FD_MAPS);
	int err = 0;
	long got;

	if (fd < 0)
		return fd;
	if (sys_seek_start(fd) < 0) {
		vmsc_fd_set_own(flags ? VMSC_OWN_FD_SMAPS : VMSC_OWN_FD_MAPS, -1);
		return -EBADF;
	}
	vmsc_smaps_begin(&parser, emit, ctx);
	while (!err && (got = sys_read(fd, chunk, sizeof(chunk)))) {
		if (got < 0)
			return got;
		err = vmsc_smaps_feed(&parser, chunk, got);
	}
	return err ? err : vmsc_smaps_finish(&parser);
}

static void take_query(struct vmsc_seen_record *seen, const struct vma_query *query)
{
	memset(seen, 0, sizeof(*seen));
	seen->start = query->vma_start;
	seen->end = query->vma_end;
	seen->offset = query->vma_offset;
	seen->inode = query->inode;
	seen->dev_major = query->dev_major;
	seen->dev_minor = query->dev_minor;
	seen->vm_flags = (query->vma_flags & QUERY_READ ? VMSC_VM(READ) : 0) |
			 (query->vma_flags & QUERY_WRITE ? VMSC_VM(WRITE) : 0) |
			 (query->vma_flags & QUERY_EXEC ? VMSC_VM(EXEC) : 0) |
			 (query->vma_flags & QUERY_SHARED ? VMSC_VM(MAYSHARE) : 0);
}

struct next_vma {
	uint64_t addr;
	struct vmsc_seen_record *seen;
	bool found;
};

static int keep_next(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	struct next_vma *next = ctx;

	(void)name;
	(void)length;
	if (!next->found && seen->end > next->addr) {
		*next->seen = *seen;
		next->found = true;
	}
	return 0;
}

int vmsc_look_quick(uint64_t addr, struct vmsc_seen_record *seen)
{
	struct vma_query query = { .size = sizeof(query), .query_flags = QUERY_COVERING_OR_NEXT, .query_addr = addr };
	long err = sys_ioctl(vmsc_fd_peek_own(VMSC_OWN_FD_MAPS), QUERY_VMA, &query);

	if (!err)
		take_query(seen, &query);
	return err;
}

int vmsc_look_vma(uint64_t addr, struct vmsc_seen_record *seen)
{
	struct next_vma next = { addr, seen, false };
	int err = -ENOTTY;

	if (!no_query && vmsc_fd_own(VMSC_OWN_FD_MAPS) >= 0)
		err = vmsc_look_quick(addr, seen);
	if (!err || err == -ENOENT)
		return err;
	no_query = no_query || err == -ENOTTY;
	err = vmsc_look_all(false, keep_next, &next);
	return err ? err : next.found ? 0 : -ENOENT;
}

/* Guard pages are none: what they do to an anon_vma is known of the call that installs them. */
static bool scan(uint64_t start, uint64_t end, uint64_t inverted, uint64_t mask, struct page_region *found, long *err)
{
	struct page_scan arg = {
		.size = sizeof(arg), .start = start, .end = end, .vec = (uintptr_t)found, .vec_len = 1, .max_pages = 1,
		.category_inverted = inverted | guard_category, .category_mask = mask | guard_category,
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.return_mask = PAGE_IS_PFNZERO | PAGE_IS_HUGE,
	};

	*err = sys_ioctl(vmsc_fd_own(VMSC_OWN_FD_PAGEMAP), SCAN_PAGES, &arg);
	if (*err == -EINVAL && guard_category) {
		guard_category = 0;
		return scan(start, end, inverted, mask, found, err);
	}
	return *err > 0;
}

/* The huge zero page is an anonymous page of its VMA's all the same; the small one is not. */
static bool scan_anon(uint64_t start, uint64_t end, uint64_t *addr, long *err)
{
	struct page_region found = { 0, 0, 0 };
	bool is_there = scan(start, end, PAGE_IS_FILE, PAGE_IS_FILE, &found, err);

	if (is_there && found.categories == PAGE_IS_PFNZERO) {
		is_there = scan(start, end, PAGE_IS_FILE | PAGE_IS_PFNZERO, PAGE_IS_FILE | PAGE_IS_PFNZERO, &found,
				err) ||
			   scan(start, end, 0, PAGE_IS_PFNZERO | PAGE_IS_HUGE, &found, err);
	}
	*addr = found.start;
	return is_there;
}

static bool read_pagemap(uint64_t start, uint64_t end, uint64_t *addr)
{
	int fd = vmsc_fd_own(VMSC_OWN_FD_PAGEMAP);
	uint64_t *entries = (void *)chunk;

	while (start < end) {
		long got = sys_pread(fd, entries, sizeof(chunk), start / VMSC_PAGE_SIZE * 8) / 8;

		if (got <= 0)
			return false;
		for (long i = 0; i < got && start < end; i++, start += VMSC_PAGE_SIZE) {
			if (entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED) && !(entries[i] & PAGEMAP_FILE)) {
				*addr = start;
				return true;
			}
		}
	}
	return false;
}

bool vmsc_look_anon(uint64_t start, uint64_t end, uint64_t *addr)
{
	long err = 0;

	start &= ~(VMSC_PAGE_SIZE - 1);
	end = (end + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1);
	for (int i = 0; i < 2 && !no_scan; i++) { /* again: the text tells less, it does not know the zero page */
		if (scan_anon(start, end, addr, &err))
			return true;
		if (err >= 0)
			return false;
		no_scan = err == -ENOTTY || err == -EINVAL;
	}
	return read_pagemap(start, end, addr);
}

bool vmsc_look_is_present(uint64_t addr)
{
	struct page_region found = { 0, 0, 0 };
	uint64_t entry = 0;
	long err = 0;

	addr &= ~(VMSC_PAGE_SIZE - 1);
	if (!no_scan && scan(addr, addr + VMSC_PAGE_SIZE, 0, 0, &found, &err))
		return true;
	if (!err)
		return false;
	return sys_pread(vmsc_fd_own(VMSC_OWN_FD_PAGEMAP), &entry, sizeof(entry), addr / VMSC_PAGE_SIZE * 8) ==
		       sizeof(entry) &&
	       entry & PAGEMAP_PRESENT;
}

/* What was found last, and how much of the address space it may still grow over. */
struct populated {
	struct vmsc_range *ranges;
	size_t nr, max;
};

/* A page in the slot of the range before, or in the next one if that range goes up to it, makes no new range. */
static bool add_populated(struct populated *populated, uint64_t start, uint64_t end)
{
	struct vmsc_range *last = populated->nr ? &populated->ranges[populated->nr - 1] : NULL;

	if (last && (start & ~(VMSC_PMD_SIZE - 1)) <= last->end) {
		last->end = end;
		return true;
	}
	if (populated->nr == populated->max)
		return false;
	populated->ranges[populated->nr++] = (struct vmsc_range){ start, end };
	return true;
}

/* A huge page of a file has no PTE table; one of anonymous memory keeps one in store. */
static bool scan_populated(uint64_t start, uint64_t end, struct populated *populated)
{
	static struct page_region regions[NR_REGIONS] = { { 0, 0, 0 } };
	struct page_scan arg = {
		.size = sizeof(arg), .vec = (uintptr_t)regions, .vec_len = NR_REGIONS,
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED, .return_mask = PAGE_IS_FILE | PAGE_IS_HUGE,
	};
	int fd = vmsc_fd_own(VMSC_OWN_FD_PAGEMAP);

	for (int i = 0; i < NR_SCANS && start < end; i++, start = arg.walk_end) {
		long nr;

		arg.start = start;
		arg.end = end;
		nr = sys_ioctl(fd, SCAN_PAGES, &arg);
		no_scan |= nr == -ENOTTY || nr == -EINVAL;
		if (nr < 0 || arg.walk_end <= start)
			return false;
		for (long j = 0; j < nr; j++) {
			if (regions[j].categories == (PAGE_IS_FILE | PAGE_IS_HUGE))
				continue;
			if (!add_populated(populated, regions[j].start, regions[j].end))
				return false;
		}
	}
	return start >= end;
}

static bool read_populated(uint64_t start, uint64_t end, struct populated *populated)
{
	int fd = vmsc_fd_own(VMSC_OWN_FD_PAGEMAP);
	uint64_t *entries = (void *)chunk;

	if (end - start > READ_MAX)
		return false;
	while (start < end) {
		long got = sys_pread(fd, entries, sizeof(chunk), start / VMSC_PAGE_SIZE * 8) / 8;

		if (got <= 0)
			return false;
		for (long i = 0; i < got && start < end; i++, start += VMSC_PAGE_SIZE) {
			if (entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED) &&
			    !add_populated(populated, start, start + VMSC_PAGE_SIZE))
				return false;
		}
	}
	return true;
}

size_t vmsc_look_populated(uint64_t start, uint64_t end, struct vmsc_range *ranges, size_t max, bool *complete)
{
	struct populated populated = { .ranges = ranges, .max = max };

	*complete = !no_scan && scan_populated(start, end, &populated);
	if (no_scan)
		*complete = read_populated(start, end, &populated);
	return populated.nr;
}

static int keep_flags(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	struct vmsc_seen_record *wanted = ctx;

	(void)name;
	(void)length;
	if (seen->start <= wanted->start && wanted->start < seen->end)
		wanted->vm_flags = seen->vm_flags;
	return 0;
}

uint64_t vmsc_look_flags(uint64_t addr)
{
	struct vmsc_seen_record wanted = { .start = addr };

	if (vmsc_look_all(true, keep_flags, &wanted))
		return 0;
	return wanted.vm_flags;
}

void vmsc_look_forget(void)
{
	memset(&parser, 0, sizeof(parser));
}

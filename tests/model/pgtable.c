/* SPDX-License-Identifier: MIT */
#include "pgtable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PAGE_KB	  (VMSC_PAGE_SIZE / 1024)
#define POOL_SIZE (4 << 20)

static int status_fd = -1, rollup_fd = -1;
static char text[8192];

bool pgtable_fail(struct pgtable_world *world, const char *what, int64_t want, int64_t got)
{
	snprintf(world->problem, sizeof(world->problem), "%s: model %lld, kernel %lld", what, (long long)want,
		 (long long)got);
	return false;
}

/* A number of KiB in a file of /proc, without memory that a fault would have to bring. */
static int64_t read_kb(int fd, const char *key)
{
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
	const char *at;

	text[got > 0 ? got : 0] = 0;
	at = strstr(text, key);
	return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* --- the model's side --- */

/* Memory of the model's that is there before the first look at Rss: freed pieces by size, the rest is new. */
static unsigned char pool[POOL_SIZE];
static size_t pool_used;
static struct {
	size_t size;
	void *first;
} pool_free[16];

static void **pool_list(size_t size)
{
	size_t i = 0;

	while (i < sizeof(pool_free) / sizeof(pool_free[0]) - 1 && pool_free[i].size &&
	       pool_free[i].size != size)
		i++;
	pool_free[i].size = size;
	return &pool_free[i].first;
}

static void *take(void *ctx, size_t size)
{
	void **list = pool_list(size), *piece = *list;
	size_t whole = (size + 15) & ~(size_t)15;

	(void)ctx;
	if (piece) {
		memcpy(list, piece, sizeof(*list));
		return piece;
	}
	if (POOL_SIZE - pool_used < whole)
		return NULL;
	piece = pool + pool_used;
	pool_used += whole;
	return piece;
}

static void give_back(void *ctx, void *ptr, size_t size)
{
	void **list = pool_list(size);

	(void)ctx;
	memcpy(ptr, list, sizeof(*list));
	*list = ptr;
}

/* What is zapped at the source of a move has gone before, with its page table or alone. */
static bool is_moved(const struct pgtable_op *op, uint64_t page)
{
	return op && page >= op->start && page < op->end;
}

static void on_event(void *ctx, const struct vmsc_unmap_event *event)
{
	struct pgtable_world *world = ctx;
	size_t kept = 0;

	if (event->kind == VMSC_UNMAP_FREE)
		for (unsigned int level = 0; level < VMSC_NR_TABLE_LEVELS; level++)
			world->freed[level] += event->freed[level];
	if (event->kind != VMSC_UNMAP_ZAP)
		return;
	for (size_t i = 0; i < world->nr_touched; i++) {
		uint64_t page = world->touched[i];
		bool zapped = page >= event->start && page < event->end;

		if (zapped && is_moved(world->moving, page)) {
			page += world->moving->to - world->moving->start;
			zapped = false;
		}
		if (zapped)
			world->dropped++;
		else
			world->touched[kept++] = page;
	}
	world->nr_touched = kept;
}

/* Discarded: pages are gone and the VMA is not. */
static void drop_pages(struct pgtable_world *world, uint64_t start, uint64_t end)
{
	const struct vmsc_unmap_event event = {.kind = VMSC_UNMAP_ZAP, .start = start, .end = end};

	on_event(world, &event);
}

static vmsc_rules_t rules_of_kernel(void)
{
	vmsc_rules_t rules = 0;
	struct utsname name;

	if (!uname(&name))
		(void)!vmsc_rules_of_string(name.release, &rules);
	return rules;
}

bool pgtable_reclaims(void)
{
	return vmsc_has_rule(rules_of_kernel(), VMSC_RULE_PT_RECLAIM);
}

bool pgtable_open(struct pgtable_world *world, bool kernel, bool five, enum vmsc_unmap_way way)
{
	const struct vmsc_allocator allocator = {take, give_back, NULL};
	struct vmsc_mm_config config = {
		.rules = vmsc_rules_of_release(6, 18),
		.unmap_way = way,
		.limits = {.max_map_count = 65530,
			   .as = UINT64_MAX,
			   .data = UINT64_MAX,
			   .stack = 8 << 20,
			   .memlock = UINT64_MAX,
			   .mmap_min_addr = 65536,
			   .stack_guard_gap = 1 << 20},
		.layout = {.task_size = (UINT64_C(1) << (five ? 56 : 47)) - VMSC_PAGE_SIZE},
		.listener = {.unmap_event = on_event, .ctx = world},
	};

	if (kernel)
		config.rules = rules_of_kernel();
	memset(world, 0, sizeof(*world));
	world->kernel = kernel;
	world->mm = vmsc_mm_new(&allocator, &config);
	return world->mm;
}

static void note_touch(struct pgtable_world *world, uint64_t page)
{
	for (size_t i = 0; i < world->nr_touched; i++)
		if (world->touched[i] == page)
			return;
	if (world->nr_touched < NR_TOUCHED)
		world->touched[world->nr_touched++] = page;
}

static int model_touch(struct pgtable_world *world, uint64_t page)
{
	struct vmsc_vma vma;

	if (!vmsc_mm_find(world->mm, page, &vma) || vma.start > page)
		return 0;
	if (vma.vm_flags &
	    (VMSC_VM(WRITE) | VMSC_VM(MAYSHARE))) /* else the zero page, which Rss leaves out */
		note_touch(world, page);
	if ((vma.vm_flags & VMSC_VM(WRITE)) &&
	    vmsc_mm_fault(world->mm, page)) /* VMAs that can't be one any more */
		return -1;
	return vmsc_mm_populate(world->mm, page, page + VMSC_PAGE_SIZE);
}

static int model_do(struct pgtable_world *world, const struct pgtable_op *op)
{
	struct vmsc_call call = {.seq = ++world->seq, .args = {op->start, op->end - op->start}};
	struct vmsc_outcome out;

	world->dropped = 0;
	memset(world->freed, 0, sizeof(world->freed));
	if (op->kind == OP_TOUCH)
		return model_touch(world, op->start);
	call.nr = op->kind == OP_UNMAP ? SYS_munmap : SYS_mmap;
	world->moving = op->kind == OP_MOVE ? op : NULL;
	if (op->kind == OP_DISCARD) {
		call.nr = SYS_madvise;
		call.args[2] = MADV_DONTNEED;
		drop_pages(world, op->start, op->end);
		return vmsc_mm_step(world->mm, &call, &out);
	}
	if (op->kind == OP_MOVE) {
		call.nr = SYS_mremap;
		call.args[2] = call.args[1];
		call.args[3] = MREMAP_MAYMOVE | MREMAP_FIXED;
		call.args[4] = op->to;
	} else if (op->kind != OP_UNMAP) {
		call.args[2] = op->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
		call.args[3] = (op->kind == OP_SHARE ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED |
			       MAP_NORESERVE;
		call.args[4] = UINT64_MAX;
	}
	return vmsc_mm_step(world->mm, &call, &out) || out.predicted < 0 ? -1 : 0;
}

/* --- the kernel's side --- */

static void kernel_touch(struct pgtable_world *world, uint64_t page)
{
	volatile unsigned char *byte = (unsigned char *)(uintptr_t)page;
	struct vmsc_vma vma;

	if (!vmsc_mm_find(world->mm, page, &vma) || vma.start > page)
		return;
	if (vma.vm_flags & VMSC_VM(WRITE))
		*byte = 1;
	else
		(void)*byte;
}

static int kernel_do(struct pgtable_world *world, const struct pgtable_op *op)
{
	void *at = (void *)(uintptr_t)op->start;
	size_t length = op->end - op->start;
	int flags = MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;

	if (op->kind == OP_TOUCH) {
		kernel_touch(world, op->start);
		return 0;
	}
	if (op->kind == OP_UNMAP)
		return munmap(at, length);
	if (op->kind == OP_DISCARD) /* over holes too */
		return madvise(at, length, MADV_DONTNEED) && errno != ENOMEM ? -1 : 0;
	if (op->kind == OP_MOVE) {
		void *to = (void *)(uintptr_t)op->to;

		return mremap(at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to ? 0 : -1;
	}
	flags |= op->kind == OP_SHARE ? MAP_SHARED : MAP_PRIVATE;
	return mmap(at, length, op->read_only ? PROT_READ : PROT_READ | PROT_WRITE, flags, -1, 0) == at ? 0
													: -1;
}

uint64_t pgtable_counted(const struct vmsc_mm *mm)
{
	return vmsc_mm_tables(mm, VMSC_TABLE_PTE) + vmsc_mm_tables(mm, VMSC_TABLE_PMD) +
	       vmsc_mm_tables(mm, VMSC_TABLE_PUD);
}

static bool compare(struct pgtable_world *world)
{
	int64_t pte = read_kb(status_fd, "VmPTE:") - world->first_pte, rss;
	int64_t want = (int64_t)(pgtable_counted(world->mm) * PAGE_KB);

	if (pte != want)
		return pgtable_fail(world, "VmPTE in KiB since the beginning", want, pte);
	rss = read_kb(rollup_fd, "Rss:") - world->first_rss;
	want = (int64_t)(world->nr_touched * PAGE_KB);
	return rss == want || pgtable_fail(world, "Rss in KiB since the beginning", want, rss);
}

bool pgtable_do(struct pgtable_world *world, const struct pgtable_op *op)
{
	if (world->kernel && kernel_do(world, op))
		return pgtable_fail(world, "the call failed", 0, errno);
	if (model_do(world, op))
		return pgtable_fail(world, "the model refuses", -1, 0);
	return !world->kernel || compare(world) || world->warming;
}

/* The same work once before it is measured, so that the program's own pages and tables are there. */
void pgtable_begin_kernel(struct pgtable_world *world)
{
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	rollup_fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	memset(pool + pool_used, 1, sizeof(pool) - pool_used);
	world->warming = true;
}

bool pgtable_measure(struct pgtable_world *world, bool five)
{
	const struct pgtable_op low = {.kind = OP_UNMAP, .start = BASE, .end = BASE + 4 * VMSC_P4D_SIZE};
	const struct pgtable_op high = {
		.kind = OP_UNMAP, .start = BASE + VMSC_PGD_SIZE, .end = BASE + 4 * VMSC_PGD_SIZE};

	world->problem[0] = 0;
	if (!pgtable_do(world, &low) || (five && !pgtable_do(world, &high)))
		return false;
	world->first_rss = read_kb(rollup_fd, "Rss:");
	world->first_pte = read_kb(status_fd, "VmPTE:");
	world->warming = false;
	world->problem[0] = 0;
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * test_tree.c - the ordered tree at scale, through the public functions: many VMAs come in random order, are
 * found, are unmapped and come back, checked against a table of slots, with the invariants looked at in
 * between.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "vmascope/model.h"

#define NR_SLOTS 150000
#define BASE	 UINT64_C(0x100000000000)
#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			printf("FAIL line %d: %s\n", __LINE__, #condition);                                  \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

static bool used[NR_SLOTS];
static int64_t balance;
static uint64_t state = 1;

static void *get(void *ctx, size_t size)
{
	(void)ctx;
	balance += (int64_t)size;
	return malloc(size);
}

static void put(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	if (ptr)
		balance -= (int64_t)size;
	free(ptr);
}

static uint64_t rand_below(uint64_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % below;
}

/* Every slot is three pages, its VMA the middle one: no two ever touch. */
static uint64_t addr_of(size_t slot)
{
	return BASE + slot * 3 * VMSC_PAGE_SIZE;
}

static struct vmsc_mm *new_mm(void)
{
	static const struct vmsc_allocator allocator = {.alloc = get, .free = put};
	struct vmsc_mm_config config = {
		.rules = vmsc_rules_of_release(6, 18),
		.limits = {.max_map_count = 10 * NR_SLOTS,
			   .as = UINT64_MAX,
			   .data = UINT64_MAX,
			   .stack = UINT64_MAX,
			   .memlock = UINT64_MAX,
			   .mmap_min_addr = 65536,
			   .stack_guard_gap = 1 << 20},
		.layout = {.task_size = (UINT64_C(1) << 47) - VMSC_PAGE_SIZE,
			   .mmap_base = UINT64_C(0x7f0000000000)},
	};

	return vmsc_mm_new(&allocator, &config);
}

static void validate(const struct vmsc_mm *mm)
{
	const char *what = "";

	if (vmsc_mm_validate(mm, &what)) {
		printf("FAIL %s\n", what);
		exit(1);
	}
}

static void insert(struct vmsc_mm *mm, size_t slot)
{
	struct vmsc_vma vma = {.start = addr_of(slot), .end = addr_of(slot) + VMSC_PAGE_SIZE};

	vma.vm_flags =
		VMSC_VM(READ) | VMSC_VM(WRITE) | VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC);
	vma.pgoff = vma.start >> VMSC_PAGE_SHIFT;
	CHECK(vmsc_mm_insert(mm, &vma) == (used[slot] ? -EEXIST : 0));
	used[slot] = true;
}

static void step(struct vmsc_mm *mm, uint16_t nr, size_t slot, int64_t want)
{
	struct vmsc_call call = {.nr = nr, .args = {addr_of(slot), VMSC_PAGE_SIZE, 3, 0, (uint64_t)-1}};
	struct vmsc_outcome out;

	call.args[3] = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	CHECK(!vmsc_mm_step(mm, &call, &out));
	CHECK(out.predicted == want);
	used[slot] = nr == SYS_mmap;
}

static size_t count(void)
{
	size_t nr = 0;

	for (size_t i = 0; i < NR_SLOTS; i++)
		nr += used[i];
	return nr;
}

static void check_all(const struct vmsc_mm *mm)
{
	struct vmsc_vma vma;
	uint64_t addr = 0;

	validate(mm);
	CHECK(vmsc_mm_map_count(mm) == count());
	CHECK(vmsc_mm_total_pages(mm) == count());
	for (size_t i = 0; i < NR_SLOTS; i++) {
		if (!used[i])
			continue;
		CHECK(vmsc_mm_find(mm, addr, &vma) && vma.start == addr_of(i) &&
		      vma.end == vma.start + VMSC_PAGE_SIZE);
		addr = vma.end;
	}
	CHECK(!vmsc_mm_find(mm, addr, &vma));
}

/* The nearest VMAs around a slot, as a plain walk over the table finds them. */
static void check_around(const struct vmsc_mm *mm, size_t slot)
{
	struct vmsc_vma vma;
	size_t next = slot, prev = slot;

	while (next < NR_SLOTS && !used[next])
		next++;
	CHECK(vmsc_mm_find(mm, addr_of(slot), &vma) == (next < NR_SLOTS));
	CHECK(next == NR_SLOTS || vma.start == addr_of(next));
	while (prev > 0 && !used[prev - 1])
		prev--;
	CHECK(vmsc_mm_prev(mm, addr_of(slot), &vma) == (prev > 0));
	CHECK(!prev || vma.start == addr_of(prev - 1));
}

static void fill_and_empty(struct vmsc_mm *mm)
{
	struct vmsc_call all = {.nr = SYS_munmap, .args = {BASE, NR_SLOTS * 3 * VMSC_PAGE_SIZE}};
	struct vmsc_outcome out;

	for (size_t i = 0; i < NR_SLOTS; i++)
		insert(mm, (i * 7919) % NR_SLOTS);
	check_all(mm);
	CHECK(!vmsc_mm_step(mm, &all, &out) && !out.predicted);
	memset(used, 0, sizeof(used));
	check_all(mm);
}

int main(void)
{
	struct vmsc_mm *mm = new_mm();

	CHECK(mm);
	for (size_t i = 0; i < NR_SLOTS; i++)
		insert(mm, rand_below(NR_SLOTS));
	check_all(mm);
	for (size_t i = 0; i < 4 * NR_SLOTS; i++) {
		size_t slot = rand_below(NR_SLOTS);

		if (used[slot])
			step(mm, SYS_munmap, slot, 0);
		else
			step(mm, SYS_mmap, slot, (int64_t)addr_of(slot));
		if (i % 8 == 0)
			check_around(mm, rand_below(NR_SLOTS));
		if (i % 100000 == 0)
			check_all(mm);
	}
	check_all(mm);
	for (size_t i = 0; i < NR_SLOTS; i++)
		if (used[i])
			step(mm, SYS_munmap, i, 0);
	check_all(mm);
	fill_and_empty(mm);
	vmsc_mm_free(mm);
	CHECK(!balance);
	puts("tree: every VMA was where it had to be");
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * fuzz_calls.c - random steps: near the VMAs that are there, so that neighbours meet, and now and then
 * nonsense.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>

#include "fuzz.h"

#define PAGE VMSC_PAGE_SIZE
#define BASE VMSC_FUZZ_BASE

enum {
	NR_SET_HOME_NODE = 450,
	NR_MSEAL = 462,
	OP_MERGE = 67,
	OP_MDWE = 65,
	OP_SET_VMA = 0x53564d41,
	TYPE_DROPPABLE = 8,
	ABOVE4G = 0x80,
	GUARD_INSTALL = 102,
};

#define UFFDIO_REGISTER	  UINT64_C(0xc020aa00)
#define UFFDIO_UNREGISTER UINT64_C(0x8010aa01)

uint64_t vmsc_fuzz_rand(struct vmsc_fuzz *fuzz, uint64_t below)
{
	/* splitmix64 */
	uint64_t x = fuzz->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x % below;
}

static bool one_in(struct vmsc_fuzz *fuzz, uint64_t n)
{
	return !vmsc_fuzz_rand(fuzz, n);
}

void vmsc_fuzz_begin(struct vmsc_fuzz *fuzz, uint64_t seed)
{
	fuzz->state = seed * 1000003 + 1;
	fuzz->segments = 0;
	fuzz->vast = false;
	fuzz->processes = 1;
	fuzz->mood = (struct vmsc_fuzz_mood){
		.populates = one_in(fuzz, 2),
		.plain = one_in(fuzz, 2),
		.seals = one_in(fuzz, 4) && vmsc_has_rule(fuzz->rules, VMSC_RULE_MSEAL),
		.forks = one_in(fuzz, 3),
		.threads = one_in(fuzz, 4),
		.limits = one_in(fuzz, 5),
		.wild = one_in(fuzz, 3),
		.crowded = one_in(fuzz, fuzz->limits.max_map_count > 1000 ? 100 : 10),
	};
}

/* In a sequence of plain memory, mostly. */
static bool is_plain(struct vmsc_fuzz *fuzz)
{
	return fuzz->mood.plain && !one_in(fuzz, 5);
}

struct range {
	uint64_t addr, len;
};

/* A page, half of the time where a VMA begins or ends. */
static uint64_t some_page(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view)
{
	if (view->nr && one_in(fuzz, 2)) {
		const struct vmsc_seen_record *vma = &view->vmas[vmsc_fuzz_rand(fuzz, view->nr)];

		return one_in(fuzz, 2) ? vma->start : vma->end;
	}
	return BASE + vmsc_fuzz_rand(fuzz, VMSC_FUZZ_PAGES) * PAGE;
}

/* What no sane program would pass. */
static uint64_t wild_number(struct vmsc_fuzz *fuzz)
{
	static const uint64_t numbers[] = {
		0,
		1,
		PAGE,
		65536,
		UINT64_C(0x80000000),
		UINT64_C(0x100000000),
		VMSC_PUPPET_TOP,
		VMSC_PUPPET_TOP + PAGE,
		UINT64_C(1) << 56,
		UINT64_C(1) << 63,
		UINT64_MAX,
		UINT64_MAX - PAGE + 1,
		UINT64_MAX - 2 * PAGE + 1,
		UINT64_C(2) << 20,
		(UINT64_C(1) << 44) - PAGE,
	};

	return numbers[vmsc_fuzz_rand(fuzz, sizeof(numbers) / sizeof(numbers[0]))] -
	       (one_in(fuzz, 4) ? vmsc_fuzz_rand(fuzz, 4096) : 0);
}

static struct range some_range(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view)
{
	uint64_t from = some_page(fuzz, view), to = some_page(fuzz, view);
	struct range range;

	if (from == to || one_in(fuzz, 3) || is_plain(fuzz) ||
	    (from > to ? from - to : to - from) > 4096 * PAGE)
		to = from + (1 + vmsc_fuzz_rand(fuzz, 6)) * PAGE;
	range.addr = from < to ? from : to;
	range.len = from < to ? to - from : from - to;
	if (one_in(fuzz, 60))
		range.addr += 1 + vmsc_fuzz_rand(fuzz, 4000);
	if (one_in(fuzz, 60))
		range.len -= vmsc_fuzz_rand(fuzz, 4096);
	if (one_in(fuzz, 150))
		range.len = 0;
	if (fuzz->mood.wild && one_in(fuzz, 25))
		range.addr = wild_number(fuzz);
	if (fuzz->mood.wild && one_in(fuzz, 25))
		range.len = wild_number(fuzz);
	return range;
}

static uint64_t some_prot(struct vmsc_fuzz *fuzz)
{
	static const uint8_t prots[] = {3, 3, 3, 3, 1, 1, 0, 5, 7, 2, 4};

	if (is_plain(fuzz))
		return one_in(fuzz, 4) ? 1 : 3;
	return prots[vmsc_fuzz_rand(fuzz, sizeof(prots))];
}

static void call(struct vmsc_step *step, uint16_t nr, struct range range, uint64_t c)
{
	step->kind = VMSC_STEP_CALL;
	step->call.nr = nr;
	step->call.args[0] = range.addr;
	step->call.args[1] = range.len;
	step->call.args[2] = c;
}

/* --- mappings --- */

static uint64_t some_map_flags(struct vmsc_fuzz *fuzz)
{
	uint64_t flags = one_in(fuzz, 4) ? MAP_SHARED : MAP_PRIVATE;

	if (is_plain(fuzz))
		return MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
	flags |= one_in(fuzz, 8) ? 0 : one_in(fuzz, 12) ? MAP_FIXED_NOREPLACE : MAP_FIXED;
	if (one_in(fuzz, 3))
		flags |= MAP_NORESERVE;
	if (one_in(fuzz, 12))
		flags |= MAP_STACK;
	if (one_in(fuzz, 20))
		flags |= MAP_GROWSDOWN;
	if (one_in(fuzz, 25))
		flags = (flags & ~(uint64_t)MAP_TYPE) | TYPE_DROPPABLE;
	if (one_in(fuzz, 60))
		flags = (flags & ~(uint64_t)MAP_TYPE) | MAP_SHARED_VALIDATE;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && one_in(fuzz, 8))
		flags |= one_in(fuzz, 2) ? MAP_32BIT : ABOVE4G;
	return flags;
}

/* Where the kernel chooses: sizes at which alignment to huge pages matters, with and without a hint. */
static void choose_place(struct vmsc_fuzz *fuzz, struct vmsc_step *step)
{
	static const uint32_t pages[] = {1, 2, 3, 511, 512, 513, 1023, 1024, 1536, 2048, 4095};

	if (one_in(fuzz, 2))
		step->call.args[0] = 0;
	if (one_in(fuzz, 2))
		step->call.args[1] = pages[vmsc_fuzz_rand(fuzz, sizeof(pages) / sizeof(pages[0]))] * PAGE;
}

static void some_file(struct vmsc_fuzz *fuzz, struct vmsc_step *step)
{
	uint64_t *args = step->call.args;

	step->call.file = one_in(fuzz, 3) ? 1 : 1 + (uint32_t)vmsc_fuzz_rand(fuzz, fuzz->files->nr);
	args[4] = step->call.file + (one_in(fuzz, 3) ? VMSC_FILES_DUP_FD : VMSC_FILES_FD);
	/* Mostly where neighbours of one file continue each other. */
	args[5] = one_in(fuzz, 4) || args[0] < BASE || args[0] >= BASE + VMSC_FUZZ_PAGES * PAGE
			  ? vmsc_fuzz_rand(fuzz, VMSC_FUZZ_PAGES) * PAGE
			  : (args[0] - BASE) & ~(PAGE - 1);
	if (one_in(fuzz, 100))
		args[5] += 1 + vmsc_fuzz_rand(fuzz, 4095);
	if (fuzz->mood.wild && one_in(fuzz, 50))
		args[5] = wild_number(fuzz);
}

/* The hole above a VMA, with what is like it: where merges are decided. */
static bool fill_hole(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	size_t index = view->nr ? vmsc_fuzz_rand(fuzz, view->nr) : 0;
	const struct vmsc_seen_record *vma = &view->vmas[index];
	uint64_t len = 4 * PAGE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	if (!view->nr || vma->inode || (vma->vm_flags & VMSC_VM(MAYSHARE)))
		return false;
	if (index + 1 < view->nr)
		len = vma[1].start - vma->end;
	if (!len || len > 16 * PAGE)
		return false;
	if (vma->vm_flags & VMSC_VM(NORESERVE))
		flags |= MAP_NORESERVE;
	if (vma->vm_flags & VMSC_VM(NOHUGEPAGE))
		flags |= MAP_STACK;
	if (vma->vm_flags & VMSC_VM(GROWSDOWN))
		flags |= MAP_GROWSDOWN;
	call(step, SYS_mmap, (struct range){vma->end, one_in(fuzz, 3) ? PAGE : len}, vma->vm_flags & 7);
	step->call.args[3] = flags;
	step->call.args[4] = (uint64_t)-1;
	return true;
}

static void random_mmap(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	uint64_t flags = some_map_flags(fuzz);

	if (one_in(fuzz, 4) && fill_hole(fuzz, view, step))
		return;

	call(step, SYS_mmap, some_range(fuzz, view), some_prot(fuzz));
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		choose_place(fuzz, step);
	if (!is_plain(fuzz) && one_in(fuzz, 3)) {
		some_file(fuzz, step);
	} else {
		flags |= MAP_ANONYMOUS;
		step->call.args[4] = (uint64_t)-1;
	}
	if (fuzz->mood.populates && one_in(fuzz, 10) && step->call.args[1] < 64 * PAGE)
		flags |= one_in(fuzz, 2) ? MAP_POPULATE : MAP_LOCKED;
	step->call.args[3] = flags;
}

static void random_mremap(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	static const uint8_t flags[] = {0, 0, 1, 1, 3, 3, 3, 3, 3, 7, 7, 5, 2, 4, 9};
	struct range to = some_range(fuzz, view);

	call(step, SYS_mremap, some_range(fuzz, view), 0);
	step->call.args[2] = one_in(fuzz, 2) ? step->call.args[1] : to.len;
	step->call.args[3] = flags[vmsc_fuzz_rand(fuzz, sizeof(flags))];
	step->call.args[4] = to.addr;
	if (one_in(fuzz, 20))
		step->call.args[1] = 0;
}

static void random_shm(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	struct range range = some_range(fuzz, view);

	step->kind = VMSC_STEP_CALL;
	if (one_in(fuzz, 2) || fuzz->segments == 16) {
		step->call.nr = SYS_shmdt;
		step->call.args[0] = range.addr;
		return;
	}
	step->call.nr = SYS_shmat;
	step->call.args[1] = one_in(fuzz, 8) ? 0 : range.addr;
	step->call.args[2] = (one_in(fuzz, 3) ? 010000 : 0) | (one_in(fuzz, 3) ? 040000 : 0) |
			     (one_in(fuzz, 6) ? 020000 : 0) | (one_in(fuzz, 8) ? 0100000 : 0);
	step->call.size = range.len && range.len < 4096 * PAGE ? range.len : PAGE;
	step->call.file = VMSC_FILES_SHM + fuzz->segments++;
}

/* --- attributes --- */

static void random_mprotect(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view,
			    struct vmsc_step *step)
{
	uint64_t prot = some_prot(fuzz);

	if (view->nr && one_in(fuzz, 3)) /* as another has it */
		prot = view->vmas[vmsc_fuzz_rand(fuzz, view->nr)].vm_flags & 7;
	if (one_in(fuzz, 60))
		prot |= one_in(fuzz, 3) ? 0x02000000 : 0x01000000; /* PROT_GROWSUP, PROT_GROWSDOWN */
	if (one_in(fuzz, 60))
		prot |= 8; /* PROT_SEM */
	call(step, one_in(fuzz, 12) ? SYS_pkey_mprotect : SYS_mprotect, some_range(fuzz, view), prot);
	if (step->call.nr == SYS_pkey_mprotect)
		step->call.args[3] = (uint64_t)-1;
}

static void random_madvise(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	static const uint8_t advices[] = {0,  1,  2,  3,  4,  8,  9,  10, 10, 11, 11, 12,
					  13, 14, 15, 16, 17, 18, 19, 20, 21, 25, 77, 24};
	static const uint8_t populate[] = {22, 23, 23};
	static const uint8_t guard[] = {102, 102, 103};
	uint64_t advice = advices[vmsc_fuzz_rand(fuzz, sizeof(advices))];

	if (one_in(fuzz, 8))
		advice = fuzz->mood.populates ? populate[vmsc_fuzz_rand(fuzz, 3)]
					      : guard[vmsc_fuzz_rand(fuzz, 3)];
	call(step, SYS_madvise, some_range(fuzz, view), advice);
}

/* The same of a process's own pidfd; now and then with a flag, which there is none of. */
static void random_process_madvise(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view,
				   struct vmsc_step *step)
{
	struct vmsc_call *to = &step->call;

	random_madvise(fuzz, view, step);
	to->nr = SYS_process_madvise;
	to->range_start = to->args[0];
	to->range_end = to->args[0] + to->args[1];
	to->args[3] = to->args[2];
	to->args[4] = one_in(fuzz, 40);
	to->args[0] = to->args[1] = to->args[2] = 0;
}

/* A thread has its own, which the model does not follow. */
static void random_personality(struct vmsc_fuzz *fuzz, struct vmsc_step *step)
{
	step->kind = VMSC_STEP_CALL;
	step->call.nr = SYS_personality;
	step->call.args[0] =
		one_in(fuzz, 4) ? 0xffffffff : ADDR_NO_RANDOMIZE | (one_in(fuzz, 2) ? READ_IMPLIES_EXEC : 0);
}

static void random_lock(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	static const uint16_t calls[] = {SYS_mlock2, SYS_munlock, SYS_munlock, SYS_mlock};
	uint16_t nr = calls[vmsc_fuzz_rand(fuzz, fuzz->mood.populates ? 4 : 3)];

	call(step, nr, some_range(fuzz, view), nr == SYS_mlock2);
	if (!one_in(fuzz, 30))
		return;
	memset(step->call.args, 0, sizeof(step->call.args));
	step->call.nr = one_in(fuzz, 2) ? SYS_mlockall : SYS_munlockall;
	if (step->call.nr == SYS_mlockall)
		step->call.args[0] =
			fuzz->mood.populates ? vmsc_fuzz_rand(fuzz, 9) : 4 + vmsc_fuzz_rand(fuzz, 4);
}

static void random_policy(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	if (one_in(fuzz, 8)) {
		call(step, NR_SET_HOME_NODE, some_range(fuzz, view), 0);
		step->call.policy = 4; /* MPOL_BIND of node 0, as 3, with a home node */
		return;
	}
	call(step, SYS_mbind, some_range(fuzz, view), 0);
	step->call.policy = (uint32_t)vmsc_fuzz_rand(fuzz, 4);
}

static void random_uffd(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	struct range range = some_range(fuzz, view);

	step->kind = VMSC_STEP_CALL;
	step->call.uffd = 1 + (uint32_t)vmsc_fuzz_rand(fuzz, 2);
	if (one_in(fuzz, 8) && fuzz->processes == 1) { /* the last descriptor of it */
		step->call.nr = SYS_close;
		return;
	}
	step->call.nr = SYS_ioctl;
	step->call.args[1] = one_in(fuzz, 3) ? UFFDIO_UNREGISTER : UFFDIO_REGISTER;
	step->call.range_start = range.addr;
	step->call.range_end = range.addr + range.len;
	if (step->call.args[1] == UFFDIO_REGISTER)
		step->call.mode =
			one_in(fuzz, 6) ? vmsc_fuzz_rand(fuzz, 8) : 1 + 2 * !vmsc_fuzz_rand(fuzz, 4);
}

static void random_prctl(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	struct range range = some_range(fuzz, view);

	step->kind = VMSC_STEP_CALL;
	step->call.nr = SYS_prctl;
	if (one_in(fuzz, 2)) {
		step->call.args[0] = OP_MERGE;
		step->call.args[1] = vmsc_fuzz_rand(fuzz, 2);
	} else if (one_in(fuzz, 12)) {
		step->call.args[0] = OP_MDWE;
		step->call.args[1] = vmsc_fuzz_rand(fuzz, 4);
	} else {
		step->call.args[0] = OP_SET_VMA;
		step->call.args[2] = range.addr;
		step->call.args[3] = range.len;
		step->call.name = (uint32_t)vmsc_fuzz_rand(fuzz, 3);
	}
}

/* How much the step may map. */
static uint64_t mapped_by(const struct vmsc_step *step)
{
	if (step->kind != VMSC_STEP_CALL)
		return 0;
	switch (step->call.nr) {
	case SYS_mmap:
		return step->call.args[1];
	case SYS_mremap:
		return step->call.args[2];
	case SYS_brk:
		return step->call.args[0] > BASE ? step->call.args[0] - BASE : 0;
	default:
		return 0;
	}
}

/* To take pages out of KSM the kernel goes through them one by one, those that are not there too. */
static bool is_unmerging(const struct vmsc_step *step)
{
	const uint64_t *args = step->call.args;

	return step->kind == VMSC_STEP_CALL &&
	       ((step->call.nr == SYS_prctl && args[0] == OP_MERGE) ||
		(step->call.nr == SYS_madvise && args[2] == MADV_UNMERGEABLE) ||
		(step->call.nr == SYS_process_madvise && args[3] == MADV_UNMERGEABLE));
}

/* Also what was drawn at random may say MAP_LOCKED or MAP_POPULATE. Where new mappings are locked, also on
 * fault only, droppable ones are populated: their VMAs are not VM_LOCKONFAULT (mlock-skips-droppable). */
static bool wants_pages(const struct vmsc_step *step)
{
	return step->kind == VMSC_STEP_CALL && step->call.nr == SYS_mmap &&
	       ((step->call.args[3] & (MAP_LOCKED | MAP_POPULATE)) ||
		(step->call.args[3] & MAP_TYPE) == TYPE_DROPPABLE);
}

/* How much of guard pages, which take a page table for each 2 MiB. */
static uint64_t guarded_by(const struct vmsc_step *step)
{
	if (step->kind != VMSC_STEP_CALL)
		return 0;
	if (step->call.nr == SYS_process_madvise && step->call.args[3] == GUARD_INSTALL)
		return step->call.range_end - step->call.range_start;
	return step->call.nr == SYS_madvise && step->call.args[2] == GUARD_INSTALL ? step->call.args[1] : 0;
}

/* Where a lock or a population may come to all that is mapped, it must fit into the machine; all else, into
 * some seconds. */
static bool is_too_much(struct vmsc_fuzz *fuzz, const struct vmsc_step *step)
{
	const uint64_t most = 4096 * PAGE, vast = UINT64_C(1) << 36;
	uint64_t len = mapped_by(step);

	if ((fuzz->mood.populates || wants_pages(step)) && len > most && len < VMSC_PUPPET_TOP)
		return true;
	if (guarded_by(step) > vast / 16)
		return true;
	fuzz->vast = fuzz->vast || (len > vast && len < VMSC_PUPPET_TOP);
	return fuzz->vast && is_unmerging(step);
}

/* --- what else happens to an address space --- */

static void random_touch(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	step->kind = one_in(fuzz, 4) ? VMSC_STEP_POKE : VMSC_STEP_TOUCH;
	step->write = step->kind == VMSC_STEP_POKE || !one_in(fuzz, 4);
	step->addr = some_page(fuzz, view) + vmsc_fuzz_rand(fuzz, 4096);
	if (one_in(fuzz, 4))
		step->addr -= PAGE;
}

static void random_limits(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	bool limits = fuzz->mood.limits && !one_in(fuzz, 4);
	uint64_t pages = 2;

	for (size_t i = 0; i < view->nr; i++)
		pages += (view->vmas[i].end - view->vmas[i].start) >> VMSC_PAGE_SHIFT;
	step->kind = VMSC_STEP_LIMITS;
	step->limits = fuzz->limits;
	if (fuzz->mood.crowded)
		step->limits.max_map_count = view->nr + 2 + vmsc_fuzz_rand(fuzz, 6);
	if (limits && one_in(fuzz, 3))
		step->limits.as = (pages + vmsc_fuzz_rand(fuzz, 12)) * PAGE;
	if (limits && one_in(fuzz, 3))
		step->limits.data = (pages / 2 + vmsc_fuzz_rand(fuzz, 12)) * PAGE;
	if (limits && one_in(fuzz, 3))
		step->limits.stack = vmsc_fuzz_rand(fuzz, 16) * PAGE;
	if (limits && one_in(fuzz, 3))
		step->limits.memlock = vmsc_fuzz_rand(fuzz, 24) * PAGE;
}

static void random_aio(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	step->kind = VMSC_STEP_CALL;
	step->call.nr = one_in(fuzz, 3) ? SYS_io_destroy : SYS_io_setup;
	step->call.args[0] =
		step->call.nr == SYS_io_destroy ? some_page(fuzz, view) : 1 + vmsc_fuzz_rand(fuzz, 400);
}

static void random_rare(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	uint64_t dice = vmsc_fuzz_rand(fuzz, 14);

	step->kind = VMSC_STEP_CALL;
	if (dice < 1 && fuzz->mood.forks && fuzz->processes < VMSC_TRIAL_PROCESSES) {
		step->kind = VMSC_STEP_FORK;
		step->value = fuzz->processes++;
	} else if (dice < 3 && fuzz->mood.seals) {
		call(step, NR_MSEAL, some_range(fuzz, view), 0);
	} else if (dice < 5) {
		random_prctl(fuzz, view, step);
	} else if (dice < 6 && fuzz->mood.limits) {
		random_limits(fuzz, view, step);
	} else if (dice < 7) {
		call(step, SYS_remap_file_pages, some_range(fuzz, view), 0);
		step->call.args[3] = vmsc_fuzz_rand(fuzz, VMSC_FUZZ_PAGES);
	} else if (dice < 8) {
		random_aio(fuzz, view, step);
	} else if (dice < 9 && !fuzz->mood.threads) {
		random_personality(fuzz, step);
	} else if (dice < 10) {
		random_process_madvise(fuzz, view, step);
	} else {
		step->call.nr = SYS_brk;
		step->call.args[0] = some_range(fuzz, view).addr;
	}
}

static void random_step(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step)
{
	uint64_t dice = vmsc_fuzz_rand(fuzz, fuzz->mood.plain ? 110 : 100);

	if (fuzz->mood.crowded && one_in(fuzz, 12))
		random_limits(fuzz, view, step);
	else if (dice >= 100)
		random_touch(fuzz, view, step);
	else if (dice < 24)
		random_mmap(fuzz, view, step);
	else if (dice < 31)
		call(step, SYS_munmap, some_range(fuzz, view), 0);
	else if (dice < 47)
		random_mprotect(fuzz, view, step);
	else if (dice < 58)
		random_madvise(fuzz, view, step);
	else if (dice < 70)
		random_mremap(fuzz, view, step);
	else if (dice < 76)
		random_lock(fuzz, view, step);
	else if (dice < 88)
		random_touch(fuzz, view, step);
	else if (dice < 90)
		random_policy(fuzz, view, step);
	else if (dice < 92)
		random_uffd(fuzz, view, step);
	else if (dice < 95)
		random_shm(fuzz, view, step);
	else
		random_rare(fuzz, view, step);
}

void vmsc_fuzz_next(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step,
		    const struct vmsc_step *by)
{
	do {
		memset(step, 0, sizeof(*step));
		random_step(fuzz, view, step);
	} while (!vmsc_trial_can(step) || is_too_much(fuzz, step));
	if (by) {
		step->process = by->process;
		step->thread = by->thread;
		return;
	}
	if (fuzz->processes > 1)
		step->process = (uint8_t)vmsc_fuzz_rand(
			fuzz, step->kind == VMSC_STEP_FORK ? fuzz->processes - 1u : fuzz->processes);
	step->thread = fuzz->mood.threads && one_in(fuzz, 3);
}

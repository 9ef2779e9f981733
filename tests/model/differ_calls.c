/* SPDX-License-Identifier: MIT */
/*
 * differ_calls.c - random calls for the differ. Entry point: differ_random().
 */
#include "differ.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif

#define SPAN 48

uint64_t differ_rand(struct differ_random *random, uint64_t below)
{
	/* splitmix64 */
	uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (x ^ (x >> 31)) % below;
}

static bool one_in(struct differ_random *random, uint64_t n)
{
	return !differ_rand(random, n);
}

/* A page, half of the time where a VMA begins or ends. */
static uint64_t some_page(struct differ_random *random, const struct layout_drawing *now)
{
	if (now->nr && one_in(random, 2)) {
		const struct layout_piece *piece = &now->piece[differ_rand(random, now->nr)];

		return one_in(random, 2) ? piece->start : piece->end;
	}
	return differ_rand(random, SPAN);
}

struct range {
	uint64_t addr, len;
};

static struct range some_range(struct differ_random *random, const struct layout_drawing *now)
{
	uint64_t from = some_page(random, now), to = some_page(random, now);
	struct range range;

	if (from == to || one_in(random, 3))
		to = from + 1 + differ_rand(random, 6);
	if (from > to) {
		uint64_t swap = from;

		from = to;
		to = swap;
	}
	range.addr = layout_addr(from);
	range.len = (to - from) * VMSC_PAGE_SIZE;
	if (one_in(random, 60))
		range.addr += 1 + differ_rand(random, 4000);
	if (one_in(random, 60))
		range.len -= differ_rand(random, 4096);
	if (one_in(random, 150))
		range.len = 0;
	return range;
}

static uint64_t some_prot(struct differ_random *random)
{
	static const uint8_t prots[] = {3, 3, 3, 3, 1, 1, 0, 5, 7, 2, 4};

	return prots[differ_rand(random, sizeof(prots))];
}

static struct layout_step *call(struct layout_step *step, uint16_t nr, struct range range, uint64_t c)
{
	memset(step, 0, sizeof(*step));
	step->call.nr = nr;
	step->call.args[0] = range.addr;
	step->call.args[1] = range.len;
	step->call.args[2] = c;
	return step;
}

static uint64_t some_map_flags(struct differ_random *random)
{
	uint64_t flags = one_in(random, 4) ? MAP_SHARED : MAP_PRIVATE;

	flags |= one_in(random, 12) ? 0 : one_in(random, 12) ? MAP_FIXED_NOREPLACE : MAP_FIXED;
	if (one_in(random, 3))
		flags |= MAP_NORESERVE;
	if (one_in(random, 12))
		flags |= MAP_STACK;
	if (one_in(random, 20))
		flags |= MAP_GROWSDOWN;
	if (one_in(random, 25))
		flags = (flags & ~(uint64_t)MAP_TYPE) | MAP_DROPPABLE;
	return flags;
}

static void random_mmap(struct differ_random *random, const struct layout_drawing *now,
			struct layout_step *step)
{
	static const uint8_t files[] = {1, 1, 1, 2, 3, 4, 5, 6, 7, 8};
	uint64_t flags = some_map_flags(random);

	call(step, SYS_mmap, some_range(random, now), some_prot(random));
	if (one_in(random, 3)) {
		uint64_t page = (step->call.args[0] - LAYOUT_BASE) >> VMSC_PAGE_SHIFT;

		step->call.file = files[differ_rand(random, sizeof(files))];
		step->call.args[4] = step->call.file;
		/* Mostly where neighbours of one file continue each other. */
		step->call.args[5] = (one_in(random, 4) ? differ_rand(random, SPAN) : page) * VMSC_PAGE_SIZE;
	} else {
		flags |= MAP_ANONYMOUS;
		step->call.args[4] = (uint64_t)-1;
	}
	if (random->populates && one_in(random, 10))
		flags |= one_in(random, 2) ? MAP_POPULATE : MAP_LOCKED;
	step->call.args[3] = flags;
}

static void random_mremap(struct differ_random *random, const struct layout_drawing *now,
			  struct layout_step *step)
{
	static const uint8_t flags[] = {0, 0, 1, 3, 3, 3, 3, 3, 3, 7, 7, 5, 2, 4};
	struct range to = some_range(random, now);

	call(step, SYS_mremap, some_range(random, now), 0);
	step->call.args[2] = one_in(random, 2) ? step->call.args[1] : to.len;
	step->call.args[3] = flags[differ_rand(random, sizeof(flags))];
	step->call.args[4] = to.addr;
	if (one_in(random, 20))
		step->call.args[1] = 0;
}

static void random_madvise(struct differ_random *random, const struct layout_drawing *now,
			   struct layout_step *step)
{
	static const uint8_t advices[] = {0,  1,  2,  3,  4,  8,  10, 10, 11, 11,
					  12, 13, 14, 15, 16, 17, 18, 19, 20, 77};
	static const uint8_t populate[] = {22, 23, 24};
	static const uint8_t guard[] = {102, 102, 103};
	uint64_t advice = advices[differ_rand(random, sizeof(advices))];

	if (one_in(random, 8))
		advice = random->populates ? populate[differ_rand(random, 3)] : guard[differ_rand(random, 3)];
	call(step, SYS_madvise, some_range(random, now), advice);
}

static void random_lock(struct differ_random *random, const struct layout_drawing *now,
			struct layout_step *step)
{
	static const uint16_t calls[] = {SYS_mlock2, SYS_munlock, SYS_munlock, SYS_mlock};
	uint16_t nr = calls[differ_rand(random, random->populates ? 4 : 3)];

	call(step, nr, some_range(random, now), nr == SYS_mlock2);
	if (one_in(random, 40) && !(random->lacks & LAYOUT_NEEDS_SMALL)) {
		memset(step, 0, sizeof(*step));
		step->call.nr = one_in(random, 3) ? SYS_mlockall : SYS_munlockall;
		step->call.args[0] = 6;
		if (random->populates)
			step->call.args[0] = 1 + differ_rand(random, 2);
	}
}

static void random_touch(struct differ_random *random, const struct layout_drawing *now,
			 struct layout_step *step)
{
	memset(step, 0, sizeof(*step));
	step->kind = one_in(random, 4) ? LAYOUT_READ : LAYOUT_FAULT;
	step->addr = layout_addr(some_page(random, now)) + differ_rand(random, 4096);
}

static void random_shm(struct differ_random *random, const struct layout_drawing *now,
		       struct layout_step *step)
{
	struct range range = some_range(random, now);

	memset(step, 0, sizeof(*step));
	if (one_in(random, 2) || random->segments == 16) {
		step->call.nr = SYS_shmdt;
		step->call.args[0] = range.addr;
		return;
	}
	step->call.nr = SYS_shmat;
	step->call.args[1] = range.addr;
	step->call.args[2] = (one_in(random, 3) ? 010000 : 0) | (one_in(random, 3) ? 040000 : 0);
	step->call.size = range.len ? range.len : VMSC_PAGE_SIZE;
	step->call.file = LAYOUT_FILE_SHM + random->segments++;
}

static void random_rare(struct differ_random *random, const struct layout_drawing *now,
			struct layout_step *step)
{
	memset(step, 0, sizeof(*step));
	if (one_in(random, 4)) {
		step->kind = LAYOUT_FORK;
	} else if (one_in(random, 4) && random->seals) {
		call(step, LAYOUT_NR_SYSCALL_MSEAL, some_range(random, now), 0);
	} else if (one_in(random, 4) && !(random->lacks & (LAYOUT_NEEDS_KSM | LAYOUT_NEEDS_SMALL))) {
		step->call.nr = SYS_prctl;
		step->call.args[0] = 67;
		step->call.args[1] = differ_rand(random, 2);
	} else if (random->lacks & LAYOUT_NEEDS_BRK) {
		random_touch(random, now, step);
	} else {
		step->call.nr = SYS_brk;
		step->call.args[0] = some_range(random, now).addr;
	}
}

void differ_random(struct differ_random *random, const struct layout_drawing *now, struct layout_step *step)
{
	uint64_t dice = differ_rand(random, 100);

	if (dice < 24)
		random_mmap(random, now, step);
	else if (dice < 32)
		call(step, SYS_munmap, some_range(random, now), 0);
	else if (dice < 48)
		call(step, SYS_mprotect, some_range(random, now), some_prot(random));
	else if (dice < 60)
		random_madvise(random, now, step);
	else if (dice < 72)
		random_mremap(random, now, step);
	else if (dice < 78)
		random_lock(random, now, step);
	else if (dice < 91)
		random_touch(random, now, step);
	else if (dice < 94 && !(random->lacks & LAYOUT_NEEDS_NUMA))
		call(step, SYS_mbind, some_range(random, now), 0)->call.policy =
			(uint32_t)differ_rand(random, 3);
	else if (dice < 97 && !(random->lacks & LAYOUT_NEEDS_SHM))
		random_shm(random, now, step);
	else
		random_rare(random, now, step);
}

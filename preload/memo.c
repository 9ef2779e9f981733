/* SPDX-License-Identifier: MIT */
/* memo.c - see memo.h. */
#include "memo.h"

#include <string.h>

#include "arena.h"
#include "sys.h"
#include "unwinder.h"

#include "inject.h"

#define NR_DESKS 64 /* threads that remember at the same time */
#define NR_MEMOS 8 /* stacks of a thread */
#define NR_WORDS (2 * VMSC_STACK_MAX + 32)
#define STACK_SPAN (1u << 20) /* bytes of stack that a memo may look at */
#define PATIENCE_MAX 1024
#define WORTH 16 /* hits that pay for having learned */

struct word {
	const uint64_t *at;
	uint64_t value;
};

struct memo {
	uint32_t nr; /* words */
	struct word words[NR_WORDS];
	struct vmsc_frames frames;
};

/* Belongs to a thread at a time. Busy for good when a handler jumped out of it: then that thread does without. */
struct desk {
	uint32_t busy;
	uint64_t owner; /* the thread's pointer */
	uint32_t next; /* memo to be written over */
	uint32_t hits, misses, patience; /* a stack is learned after so many misses */
	/* of ours, for which a memo was made; 0: there is none. They lie together, as each call looks through them */
	uint64_t frames[NR_MEMOS];
	struct memo memos[NR_MEMOS];
};

static struct desk *desks = NULL;

void vmsc_memo_start(void)
{
	long at = vmsc_arena_pool(NR_DESKS * sizeof(*desks), PROT_READ | PROT_WRITE);

	if (!sys_failed(at))
		desks = (void *)at;
}

static uint64_t thread_pointer(void)
{
	uint64_t self;

	__asm__("mov %%fs:0, %0" : "=r"(self));
	return self;
}

/* This thread's desk, NULL when it is taken. To be given back. */
static struct desk *sit_down(void)
{
	uint64_t self = thread_pointer();
	struct desk *desk;

	if (!desks)
		return NULL;
	desk = &desks[(self >> 12 ^ self >> 20) % NR_DESKS];
	if (__atomic_exchange_n(&desk->busy, 1, __ATOMIC_ACQUIRE))
		return NULL;
	if (desk->owner == self)
		return desk;
	memset(desk->frames, 0, sizeof(desk->frames));
	desk->owner = self;
	desk->hits = desk->misses = desk->patience = 0;
	return desk;
}

static void stand_up(struct desk *desk)
{
	__atomic_store_n(&desk->busy, 0, __ATOMIC_RELEASE);
}

static void copy_frames(struct vmsc_frames *to, const struct vmsc_frames *from)
{
	memcpy(to, from, offsetof(struct vmsc_frames, at) + from->nr * sizeof(from->at[0]));
}

static bool holds(const struct memo *memo)
{
	for (uint32_t i = 0; i < memo->nr; i++) {
		if (*memo->words[i].at != memo->words[i].value)
			return false;
	}
	return true;
}

static const struct memo *find_memo(const struct desk *desk, uint64_t frame)
{
	for (int i = 0; i < NR_MEMOS; i++) {
		if (desk->frames[i] == frame && holds(&desk->memos[i]))
			return &desk->memos[i];
	}
	return NULL;
}

/* Learning costs as much as unwinding some ten times: where it was of no use, it waits longer the next time. */
static bool is_worth_learning(struct desk *desk)
{
	if (desk->misses++ < desk->patience)
		return false;
	if (desk->hits >= WORTH)
		desk->patience = 0;
	else if (desk->patience < PATIENCE_MAX)
		desk->patience = desk->patience * 2 + 1;
	desk->hits = desk->misses = 0;
	return true;
}

bool vmsc_memo_find(uint64_t frame, struct vmsc_frames *frames, bool *wanted)
{
	struct desk *desk = sit_down();
	const struct memo *memo;

	*wanted = false;
	if (!desk)
		return false;
	memo = find_memo(desk, frame);
	if (memo) {
		desk->hits++;
		copy_frames(frames, &memo->frames);
	} else {
		*wanted = is_worth_learning(desk);
	}
	stand_up(desk);
	return memo;
}

/*
 * Our own frames: from the registers that vmsc_memo_learn() starts from, where those are that no frame has saved, to the frame
 * for which a stack is wanted.
 */
struct own_frames {
	uint64_t first, last;
};

/*
 * Where the frame that the cursor stands at has @reg from: 1 for a word above our own frames, 0 for none or one in them. -1: a
 * word that is too far or below, as where a handler runs above what it interrupted: that can't be remembered.
 */
static int add_word(struct memo *memo, unw_cursor_t *cursor, int reg, const struct own_frames *own)
{
	const uint64_t *last = memo->nr ? memo->words[memo->nr - 1].at : NULL;
	unw_save_loc_t location;

	if (vmsc_unwinder.get_save_loc(cursor, reg, &location) || location.type != UNW_SLT_MEMORY)
		return 0;
	if (location.u.addr >= own->first && location.u.addr < own->last)
		return 0;
	if (location.u.addr - own->last > STACK_SPAN || memo->nr == NR_WORDS)
		return -1;
	if ((uintptr_t)last == location.u.addr)
		return 1;
	memo->words[memo->nr].at = (const uint64_t *)location.u.addr;
	memo->words[memo->nr].value = *(const uint64_t *)location.u.addr;
	memo->nr++;
	return 1;
}

/* Were there frames beyond these, for which there was no room? Some of those that were counted are ours. */
static bool is_cut_off(const struct vmsc_frames *frames)
{
	return frames->nr + VMSC_STACK_OURS >= VMSC_STACK_MAX;
}

/* All words that the unwinding read, outwards from our frames; and are the frames those that we know? */
static bool collect(struct memo *memo, unw_cursor_t *cursor, const struct own_frames *own)
{
	uint32_t known = 0;
	unw_word_t ip = 0;
	int more;

	while ((more = vmsc_unwinder.step(cursor)) > 0) {
		if (vmsc_unwinder.get_reg(cursor, UNW_X86_64_RIP, &ip) || !ip)
			break;
		if (add_word(memo, cursor, UNW_X86_64_RIP, own) < 0 ||
		    add_word(memo, cursor, UNW_X86_64_RBP, own) < 0 || add_word(memo, cursor, UNW_X86_64_RSP, own) < 0)
			return false;
		if (known < memo->frames.nr && ip == memo->frames.at[known])
			known++;
		else if (known)
			return false;
		if (known && known == memo->frames.nr && is_cut_off(&memo->frames))
			return true;
	}
	return more >= 0 && memo->frames.nr && known == memo->frames.nr;
}

__attribute__((noinline)) void vmsc_memo_learn(uint64_t frame, const struct vmsc_frames *frames)
{
	struct desk *desk = sit_down();
	unw_context_t context;
	unw_cursor_t cursor;
	const struct own_frames own = { (uintptr_t)&context, frame };
	struct memo *memo;
	uint32_t place;

	if (!desk)
		return;
	place = desk->next++ % NR_MEMOS;
	desk->frames[place] = 0;
	memo = &desk->memos[place];
	memo->nr = 0;
	copy_frames(&memo->frames, frames);
	if (!vmsc_unwinder.getcontext(&context) && !vmsc_unwinder.init_local(&cursor, &context) && collect(memo, &cursor, &own))
		desk->frames[place] = frame;
	stand_up(desk);
}

void vmsc_memo_forget(void)
{
	for (int i = 0; desks && i < NR_DESKS; i++) {
		if (desks[i].owner || desks[i].busy)
			memset(&desks[i], 0, offsetof(struct desk, memos));
	}
}

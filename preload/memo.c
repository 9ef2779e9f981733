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
#define AT_ONCE 4 /* words that are compared before the next branch */
#define NR_WORDS (2 * VMSC_STACK_MAX + 32)
#define STACK_SPAN (1u << 20) /* bytes of stack that a memo may look at */
#define PATIENCE_MAX 1024
#define WORTH 16 /* hits that pay for having learned */

/* A word that the unwinder read. Of a saved frame pointer nobody knows whether a frame outside hangs on it. */
struct word {
	uint32_t offset; /* from our frame */
	uint32_t is_pointer;
	uint64_t value;
};

struct memo {
	uint32_t nr, nr_all; /* words that are to be what they were, and with those that may be anything, behind them */
	uint32_t pointer; /* word that was the frame pointer last */
	struct vmsc_frames frames;
	struct word words[NR_WORDS];
};

/* Belongs to a thread at a time. Busy for good when a handler jumped out of it: then that thread does without. */
struct desk {
	uint32_t busy;
	uint64_t owner; /* the thread's pointer */
	uint32_t next; /* memo to be written over */
	uint32_t hits, misses, patience; /* a stack is learned after so many misses */
	/* of ours, for which a memo was made; 0: there is none. They lie together, as each call looks through them */
	uint64_t frames[NR_MEMOS];
	struct memo memos[NR_MEMOS], fresh;
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

static uint64_t differs(const struct word *word, uint64_t frame)
{
	return *(const uint64_t *)(frame + word->offset) ^ word->value;
}

static bool holds(const struct memo *memo, uint64_t frame)
{
	const struct word *word = memo->words, *end = word + memo->nr;

	for (; end - word >= AT_ONCE; word += AT_ONCE) {
		if (differs(&word[0], frame) | differs(&word[1], frame) | differs(&word[2], frame) |
		    differs(&word[3], frame))
			return false;
	}
	for (; word < end; word++) {
		if (differs(word, frame))
			return false;
	}
	return true;
}

static const struct memo *find_memo(const struct desk *desk, uint64_t frame)
{
	for (int i = 0; i < NR_MEMOS; i++) {
		if (desk->frames[i] == frame && holds(&desk->memos[i], frame))
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
 * Where the frame that the cursor stands at has @reg from, if that is a word above our own frames. False: it is too far or below,
 * as where a handler runs above what it interrupted, or a return address is none: that can't be remembered.
 */
static bool add_word(struct memo *memo, unw_cursor_t *cursor, int reg, const struct own_frames *own)
{
	unw_save_loc_t location;
	uint64_t offset;
	uint32_t i = 0;

	if (vmsc_unwinder.get_save_loc(cursor, reg, &location) || location.type != UNW_SLT_MEMORY)
		return reg != UNW_X86_64_RIP;
	if (location.u.addr >= own->first && location.u.addr < own->last)
		return true;
	offset = location.u.addr - own->last;
	if (offset > STACK_SPAN || memo->nr == NR_WORDS)
		return false;
	while (i < memo->nr && memo->words[i].offset != offset)
		i++;
	if (i == memo->nr)
		memo->words[memo->nr++] = (struct word){
			.offset = (uint32_t)offset,
			.is_pointer = reg == UNW_X86_64_RBP,
			.value = *(const uint64_t *)location.u.addr,
		};
	if (reg == UNW_X86_64_RBP)
		memo->pointer = i;
	return true;
}

/* Were there frames beyond these, for which there was no room? Some of those that were counted are ours. */
static bool is_cut_off(const struct vmsc_frames *frames)
{
	return frames->nr + VMSC_STACK_OURS >= VMSC_STACK_MAX;
}

/* All that the unwinding read, outwards from our frames; and are the frames those that we know? */
static bool collect(struct memo *memo, unw_cursor_t *cursor, const struct own_frames *own)
{
	uint32_t known = 0;
	unw_word_t ip = 0;
	int more;

	while ((more = vmsc_unwinder.step(cursor)) > 0) {
		if (vmsc_unwinder.get_reg(cursor, UNW_X86_64_RIP, &ip) || !ip)
			break;
		if (!add_word(memo, cursor, UNW_X86_64_RIP, own) || !add_word(memo, cursor, UNW_X86_64_RBP, own) ||
		    !add_word(memo, cursor, UNW_X86_64_RSP, own))
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

static struct word *word_at(struct memo *memo, uint32_t offset)
{
	for (uint32_t i = 0; i < memo->nr_all; i++) {
		if (memo->words[i].offset == offset)
			return &memo->words[i];
	}
	return NULL;
}

/* The same words read, for the same frames; only frame pointers may have had other values. */
static bool is_alike(struct memo *known, const struct memo *fresh)
{
	if (known->nr_all != fresh->nr || known->frames.nr != fresh->frames.nr ||
	    memcmp(known->frames.at, fresh->frames.at, fresh->frames.nr * sizeof(fresh->frames.at[0])))
		return false;
	for (uint32_t i = 0; i < fresh->nr; i++) {
		const struct word *word = &fresh->words[i], *before = word_at(known, word->offset);

		if (!before || before->is_pointer != word->is_pointer ||
		    (before->value != word->value && !word->is_pointer))
			return false;
	}
	return true;
}

/*
 * The compiler often keeps a variable where others have a frame pointer. That another value led to the same words shows that no
 * frame's place is counted from it: the rule by which one is, a frame's address in its code fixes, and those are the same.
 */
static void free_pointers(struct memo *known, const struct memo *fresh)
{
	for (uint32_t i = 0; i < fresh->nr; i++) {
		struct word *word = word_at(known, fresh->words[i].offset), *last = &known->words[known->nr - 1], moved;

		if (word > last || word->value == fresh->words[i].value)
			continue;
		moved = *word;
		*word = *last;
		*last = moved;
		known->nr--;
	}
}

static void keep_fresh(struct desk *desk, uint64_t frame)
{
	const struct memo *fresh = &desk->fresh;
	struct memo *memo;

	for (int i = 0; i < NR_MEMOS; i++) {
		if (desk->frames[i] == frame && is_alike(&desk->memos[i], fresh)) {
			free_pointers(&desk->memos[i], fresh);
			return;
		}
	}
	memo = &desk->memos[desk->next % NR_MEMOS];
	copy_frames(&memo->frames, &fresh->frames);
	memcpy(memo->words, fresh->words, fresh->nr * sizeof(fresh->words[0]));
	memo->nr = memo->nr_all = fresh->nr;
	desk->frames[desk->next++ % NR_MEMOS] = frame;
}

__attribute__((noinline)) void vmsc_memo_learn(uint64_t frame, const struct vmsc_frames *frames)
{
	struct desk *desk = sit_down();
	unw_context_t context;
	unw_cursor_t cursor;
	const struct own_frames own = { (uintptr_t)&context, frame };

	if (!desk)
		return;
	desk->fresh.nr = desk->fresh.pointer = 0;
	copy_frames(&desk->fresh.frames, frames);
	if (!vmsc_unwinder.getcontext(&context) && !vmsc_unwinder.init_local(&cursor, &context) &&
	    collect(&desk->fresh, &cursor, &own)) {
		/* where there are no rules, its value may be why nothing was found behind */
		desk->fresh.words[desk->fresh.pointer].is_pointer = false;
		keep_fresh(desk, frame);
	}
	stand_up(desk);
}

void vmsc_memo_forget(void)
{
	for (int i = 0; desks && i < NR_DESKS; i++) {
		if (desks[i].owner || desks[i].busy)
			memset(&desks[i], 0, offsetof(struct desk, memos));
	}
}

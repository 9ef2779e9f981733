/* SPDX-License-Identifier: MIT */
/* stack.c - see stack.h. */
#include "stack.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "door.h"
#include "memo.h"
#include "recorder.h"
#include "unwinder.h"
#include "writer.h"

#include "inject.h"

#define UNWIND_ROOM 12288 /* bytes of stack that the unwinder may need */
#define STACKS_MAX 65536 /* remembered at a time: a table of 2 MiB */

struct known_stack {
	uint64_t hash;
	uint32_t id;
};

static struct known_stack *table = NULL;
static uint32_t slots = 0, nr_stacks = 0, last_stack = 0;
static __thread struct vmsc_frames taken; /* a program's stack may have no room for it */

static bool is_ours(uint64_t at)
{
	return at >= vmsc_rec.text_start && at < vmsc_rec.text_end;
}

void vmsc_stack_set_alternate(const stack_t *stack)
{
	vmsc_self.alternate_start = (uintptr_t)stack->ss_sp;
	vmsc_self.alternate_size = stack->ss_flags & SS_DISABLE ? 0 : stack->ss_size;
}

bool vmsc_stack_is_alternate(uint64_t at)
{
	return at - vmsc_self.alternate_start < vmsc_self.alternate_size;
}

static bool has_room(void)
{
	uint64_t here = (uintptr_t)__builtin_frame_address(0);

	return !vmsc_stack_is_alternate(here) || here - vmsc_self.alternate_start > UNWIND_ROOM;
}

static uint64_t hash_of(const struct vmsc_frames *frames)
{
	uint64_t hash = frames->nr + 1;

	for (uint32_t i = 0; i < frames->nr; i++) {
		hash = (hash ^ frames->at[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash ? hash : 1;
}

/* The program's frames of what the unwinder gives, for call @call. */
static void unwind(uint32_t call)
{
	void **raw = (void **)taken.at;
	struct vmsc_trace_header *header = __atomic_load_n(&vmsc_rec.header, __ATOMIC_RELAXED);
	int nr, skip = 0;

	if (header)
		__atomic_fetch_add(&header->unwound, 1, __ATOMIC_RELAXED);
	nr = vmsc_unwinder_frames(raw, VMSC_STACK_MAX, call);
	while (skip < nr && skip < VMSC_STACK_OURS && is_ours((uintptr_t)raw[skip]))
		skip++;
	/* the frame of a trap's handler */
	if (skip && skip < nr && (uintptr_t)raw[skip] == vmsc_door_restorer())
		skip++;
	for (; skip < nr && raw[skip]; skip++)
		taken.at[taken.nr++] = taken.at[skip];
}

const struct vmsc_frames *vmsc_stack_take(uint32_t nr)
{
	uint64_t frame = (uintptr_t)__builtin_frame_address(0);
	int saved = errno; /* the unwinder asks libc whether it may read what it is about to read */
	bool wanted;

	taken.nr = 0;
	if (!__atomic_load_n(&vmsc_rec.options.stacks, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&vmsc_rec.shares_thread_data, __ATOMIC_RELAXED) || vmsc_self.depth != 1 || !has_room())
		return &taken;
	if (vmsc_memo_find(frame, &taken, &wanted) || !vmsc_unwinder_enter())
		return &taken;
	unwind(nr);
	taken.hash = hash_of(&taken);
	if (wanted)
		vmsc_memo_learn(frame, &taken);
	vmsc_unwinder_leave();
	errno = saved;
	return &taken;
}

static struct known_stack *slot_of(struct known_stack *in, uint32_t size, uint64_t hash)
{
	uint32_t at = hash & (size - 1);

	while (in[at].hash && in[at].hash != hash)
		at = (at + 1) & (size - 1);
	return &in[at];
}

/* A program that never ends may have ever new stacks: then all are told anew, with new numbers. */
static bool make_room(void)
{
	uint32_t wanted = slots ? slots * 2 : 1024;
	struct known_stack *larger;

	if (nr_stacks == STACKS_MAX) {
		memset(table, 0, slots * sizeof(*table));
		nr_stacks = 0;
	}
	if (slots && nr_stacks < slots / 4 * 3)
		return true;
	larger = vmsc_arena_alloc(wanted * sizeof(*larger));
	if (!larger)
		return false;
	memset(larger, 0, wanted * sizeof(*larger));
	for (uint32_t i = 0; i < slots; i++) {
		if (table[i].hash)
			*slot_of(larger, wanted, table[i].hash) = table[i];
	}
	if (table)
		vmsc_arena_free(table, slots * sizeof(*table));
	table = larger;
	slots = wanted;
	return true;
}

uint32_t vmsc_stack_id(const struct vmsc_frames *frames)
{
	struct vmsc_stack_record record = { .nr = frames->nr };
	struct known_stack *known;

	if (!frames->nr || !make_room())
		return 0;
	known = slot_of(table, slots, frames->hash);
	if (known->hash)
		return known->id;
	known->hash = frames->hash;
	known->id = record.id = ++last_stack;
	nr_stacks++;
	vmsc_writer_put(VMSC_RECORD_STACK, 0, &record, sizeof(record), frames->at, frames->nr * sizeof(uint64_t));
	return record.id;
}

void vmsc_stack_forget(void)
{
	nr_stacks = last_stack = 0;
	if (table)
		memset(table, 0, slots * sizeof(*table));
}

void vmsc_stack_distrust(void)
{
	table = NULL;
	slots = 0;
}

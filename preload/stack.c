/* SPDX-License-Identifier: MIT */
/* stack.c - see stack.h. */
#include "stack.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "arena.h"
#include "recorder.h"
#include "writer.h"

#include "inject.h"

#define SKIP_ROOM 12 /* frames of ours on top */
#define WORDS_SEARCHED 24 /* of the stack, for a return address into the unwinder */

struct known_stack {
	uint64_t hash;
	uint32_t id;
};

static int (*backtrace_of)(void **, int) = NULL;
static uint64_t unwinder_start = 0, unwinder_end = 0;
static struct known_stack *table = NULL;
static uint32_t slots = 0, nr_stacks = 0;

static int find_text(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uint64_t wanted = (uintptr_t)ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uint64_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uint64_t end = start + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && wanted >= start && wanted < end) {
			unwinder_start = start;
			unwinder_end = end;
			return 1;
		}
	}
	return 0;
}

bool vmsc_stack_load(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
	void *symbol = library ? dlsym(library, "unw_backtrace") : NULL;

	if (!symbol)
		return false;
	memcpy(&backtrace_of, &symbol, sizeof(symbol));
	dl_iterate_phdr(find_text, symbol);
	return true;
}

void vmsc_stack_warm_up(void)
{
	void *frames[8];

	vmsc_self.unwinding = 1;
	backtrace_of(frames, 8);
	backtrace_of(frames, 8);
	vmsc_self.unwinding = 0;
}

static bool is_ours(uint64_t at)
{
	return at >= vmsc_rec.text_start && at < vmsc_rec.text_end;
}

void vmsc_stack_take(struct vmsc_frames *frames)
{
	void *raw[VMSC_STACK_MAX];
	int nr, skip = 0;

	frames->nr = 0;
	if (!backtrace_of || !vmsc_rec.options.stacks)
		return;
	vmsc_self.unwinding = 1;
	nr = backtrace_of(raw, VMSC_STACK_MAX);
	vmsc_self.unwinding = 0;
	while (skip < nr && skip < SKIP_ROOM && is_ours((uintptr_t)raw[skip]))
		skip++;
	for (; skip < nr && raw[skip]; skip++)
		frames->at[frames->nr++] = (uintptr_t)raw[skip];
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

static struct known_stack *slot_of(struct known_stack *in, uint32_t size, uint64_t hash)
{
	uint32_t at = hash & (size - 1);

	while (in[at].hash && in[at].hash != hash)
		at = (at + 1) & (size - 1);
	return &in[at];
}

static bool make_room(void)
{
	uint32_t wanted = slots ? slots * 2 : 1024;
	struct known_stack *larger;

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
	uint64_t hash;

	if (!frames->nr || !make_room())
		return 0;
	hash = hash_of(frames);
	known = slot_of(table, slots, hash);
	if (known->hash)
		return known->id;
	known->hash = hash;
	known->id = record.id = ++nr_stacks;
	vmsc_writer_put(VMSC_RECORD_STACK, 0, &record, sizeof(record), frames->at, frames->nr * sizeof(uint64_t));
	return record.id;
}

void vmsc_stack_forget(void)
{
	nr_stacks = 0;
	if (table)
		memset(table, 0, slots * sizeof(*table));
}

bool vmsc_stack_is_own_return(uint64_t at)
{
	return vmsc_self.unwinding && at >= unwinder_start && at < unwinder_end;
}

bool vmsc_stack_is_own_call(const struct vmsc_regs *regs)
{
	const uint64_t *stack = (const void *)((const char *)(regs + 1) + VMSC_SITE_STACK);

	if (!vmsc_self.unwinding)
		return false;
	for (int i = 0; i < WORDS_SEARCHED; i++) {
		if (vmsc_stack_is_own_return(stack[i]))
			return true;
	}
	return false;
}

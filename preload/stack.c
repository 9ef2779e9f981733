/* SPDX-License-Identifier: MIT */
/* stack.c - see stack.h. */
#include "stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "bind.h"
#include "memo.h"
#include "door.h"
#include "recorder.h"
#include "sys.h"
#include "writer.h"

#include "inject.h"

#define UNWINDER_TLS 256 /* bytes of thread data it may have */
#define UNWIND_ROOM 12288 /* bytes of stack that the unwinder may need */
#define WORDS_SEARCHED 24 /* of the stack, for a return address into the unwinder */
#define STACKS_MAX 65536 /* remembered at a time: a table of 2 MiB */
#define FORK_TRIES 1000 /* naps of a fork, for threads that unwind */
#define TAKE_TRIES 10000 /* naps of a thread, for forks */

/* ld.so's: the address of a module's thread data. */
void *__tls_get_addr(size_t index[2]);

struct known_stack {
	uint64_t hash;
	uint32_t id;
};

static int (*backtrace_of)(void **, int) = NULL;
static uint64_t unwinder_start = 0, unwinder_end = 0;
static const void *tls_image = NULL;
static size_t tls_module = 0, tls_image_size = 0, tls_size = 0;
static __thread char unwinder_tls[UNWINDER_TLS] __attribute__((aligned(64)));
static struct known_stack *table = NULL;
static uint32_t slots = 0, nr_stacks = 0, last_stack = 0;
static __thread struct vmsc_frames taken; /* a program's stack may have no room for it */
static uint32_t nr_unwinding = 0, nr_forking = 0; /* threads */
static __thread bool forks_quietly = false;
static bool never_quiet = false;

static int find_text(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uint64_t wanted = (uintptr_t)ctx;
	const ElfW(Phdr) *tls = NULL;
	bool is_it = false;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uint64_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uint64_t end = start + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_TLS)
			tls = &info->dlpi_phdr[i];
		if (info->dlpi_phdr[i].p_type == PT_LOAD && wanted >= start && wanted < end) {
			unwinder_start = start;
			unwinder_end = end;
			is_it = true;
		}
	}
	if (is_it && tls) {
		tls_image = (const void *)(uintptr_t)(info->dlpi_addr + tls->p_vaddr);
		tls_image_size = tls->p_filesz;
		tls_size = tls->p_memsz;
	}
	return is_it;
}

/* A thread's vector of its modules' thread data, as the x86-64 psABI and glibc have it. */
union tls_vector {
	size_t counter; /* [-1]: length, [0]: generation */
	struct {
		void *at; /* all ones: not allocated yet */
		void *to_free;
	} module;
};

static union tls_vector *own_tls_vector(void)
{
	union tls_vector *vector;

	__asm__("mov %%fs:8, %0" : "=r"(vector));
	return vector;
}

/*
 * The unwinder was loaded late, so that its thread data would be allocated by malloc at its first use in each thread, which
 * may be in the midst of a malloc. It gets ours instead. Returns: false when that can't be.
 * libc gives a thread the vector of one that has ended, of which ThreadSanitizer is not told.
 */
__attribute__((no_sanitize("thread"))) static bool prepare_thread(void)
{
	union tls_vector *vector = own_tls_vector();

	if (!tls_module || vmsc_self.prepared)
		return true;
	if (!vector || vector[-1].counter < tls_module || tls_size > sizeof(unwinder_tls))
		return false;
	if (vector[tls_module].module.at == (void *)-1) {
		memcpy(unwinder_tls, tls_image, tls_image_size);
		vector[tls_module].module.to_free = NULL;
		vector[tls_module].module.at = unwinder_tls;
	}
	vmsc_self.prepared = 1;
	return true;
}

bool vmsc_stack_load(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
	void *symbol = library ? dlsym(library, "unw_backtrace") : NULL, *own;

	if (!symbol)
		return false;
	memcpy(&backtrace_of, &symbol, sizeof(symbol));
	vmsc_bind_to_libc(library);
	vmsc_memo_start(library);
	dl_iterate_phdr(find_text, symbol);
	if (dlinfo(library, RTLD_DI_TLS_MODID, &tls_module))
		tls_module = 0;
	if (!tls_module)
		return true;
	/* This thread's is allocated now; is it where the table is believed to tell it? */
	own = __tls_get_addr((size_t[2]){ tls_module, 0 });
	vmsc_self.prepared = 1;
	return own_tls_vector()[-1].counter >= tls_module && own_tls_vector()[tls_module].module.at == own;
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

static void nap(void)
{
	const struct timespec time = { 0, 1000000 };

	sys3(SYS_nanosleep, (uintptr_t)&time, 0, 0);
}

/* Not while another thread forks: the child would inherit locks of the unwinder, and of the loader, that nobody opens. */
static bool enter_unwinder(void)
{
	for (int i = 0; i < TAKE_TRIES; i++) {
		__atomic_add_fetch(&nr_unwinding, 1, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&nr_forking, __ATOMIC_SEQ_CST)) {
			vmsc_self.unwinding = 1;
			return true;
		}
		__atomic_sub_fetch(&nr_unwinding, 1, __ATOMIC_SEQ_CST);
		nap();
	}
	return false;
}

void vmsc_stack_leave(void)
{
	if (!vmsc_self.unwinding)
		return;
	vmsc_self.unwinding = 0;
	__atomic_sub_fetch(&nr_unwinding, 1, __ATOMIC_SEQ_CST);
}

void vmsc_stack_fork_begins(void)
{
	__atomic_add_fetch(&nr_forking, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < FORK_TRIES && !__atomic_load_n(&never_quiet, __ATOMIC_RELAXED); i++) {
		if (__atomic_load_n(&nr_unwinding, __ATOMIC_SEQ_CST) <= vmsc_self.unwinding) {
			forks_quietly = true;
			return;
		}
		nap();
	}
	__atomic_store_n(&never_quiet, true, __ATOMIC_RELAXED);
}

void vmsc_stack_fork_ends(void)
{
	forks_quietly = false;
	__atomic_sub_fetch(&nr_forking, 1, __ATOMIC_SEQ_CST);
}

bool vmsc_stack_child(void)
{
	bool usable = forks_quietly || nr_unwinding <= vmsc_self.unwinding;

	nr_unwinding = vmsc_self.unwinding;
	nr_forking = 0;
	forks_quietly = never_quiet = false;
	vmsc_memo_forget();
	return usable;
}

/* The program's frames of what the unwinder gives. */
static void unwind(void)
{
	void **raw = (void **)taken.at;
	struct vmsc_trace_header *header = __atomic_load_n(&vmsc_rec.header, __ATOMIC_RELAXED);
	int nr, skip = 0;

	if (header)
		__atomic_fetch_add(&header->unwound, 1, __ATOMIC_RELAXED);
	nr = backtrace_of(raw, VMSC_STACK_MAX);
	while (skip < nr && skip < VMSC_STACK_OURS && is_ours((uintptr_t)raw[skip]))
		skip++;
	/* the frame of a trap's handler */
	if (skip && skip < nr && (uintptr_t)raw[skip] == vmsc_door_restorer())
		skip++;
	for (; skip < nr && raw[skip]; skip++)
		taken.at[taken.nr++] = taken.at[skip];
}

const struct vmsc_frames *vmsc_stack_take(void)
{
	uint64_t frame = (uintptr_t)__builtin_frame_address(0);
	int saved = errno; /* the unwinder asks libc whether it may read what it is about to read */
	bool wanted;

	taken.nr = 0;
	if (!__atomic_load_n(&vmsc_rec.options.stacks, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&vmsc_rec.shares_thread_data, __ATOMIC_RELAXED) || vmsc_self.depth != 1 || !has_room() ||
	    !prepare_thread())
		return &taken;
	if (vmsc_memo_find(frame, &taken, &wanted) || !enter_unwinder())
		return &taken;
	unwind();
	taken.hash = hash_of(&taken);
	if (wanted)
		vmsc_memo_learn(frame, &taken);
	vmsc_stack_leave();
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

/* SPDX-License-Identifier: MIT */
/* call.c - see call.h. */
#include "call.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "attach.h"
#include "extra.h"
#include "lock.h"
#include "look.h"
#include "snapshot.h"
#include "sys.h"
#include "tables.h"
#include "writer.h"

#include "inject.h"

#define NR_ASKS 16 /* ranges asked without memory of their own */
#define NR_UNCERTAIN 8
#define NEAR (UINT64_C(1) << 20) /* bytes between two ranges that are looked at as one */

long vmsc_call_raw(uint32_t nr, const uint64_t args[6])
{
	return sys6(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* For a handler that jumps out of this thread, and for a fork: both find it in the program's order. */
static void set_busy(uint32_t busy)
{
	__atomic_store_n(&vmsc_rec.model_busy, busy, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void vmsc_call_begin(struct vmsc_captured *call, uint32_t nr, const uint64_t args[6])
{
	unsigned int used = vmsc_extra_nr_args(nr);

	memset(call, 0, sizeof(*call));
	call->nr = nr;
	for (unsigned int i = 0; i < used; i++)
		call->args[i] = args[i];
	if (vmsc_self.vfork)
		call->flags |= VMSC_CALL_VFORK_CHILD;
}

static void model_call(struct vmsc_call *to, const struct vmsc_captured *call)
{
	memset(to, 0, sizeof(*to));
	to->seq = vmsc_rec.header->calls + 1;
	to->nr = call->nr;
	memcpy(to->args, call->args, sizeof(to->args));
	to->file = call->extra.file;
	to->name = call->extra.name;
	to->policy = call->extra.policy;
	to->uffd = call->extra.uffd;
	to->size = call->extra.size;
	to->range_start = call->extra.range_start;
	to->range_end = call->extra.range_end;
	to->mode = call->extra.mode;
}

/*
 * Ranges in which there was no page when asked. With other threads one may come before the kernel looks: then it can't be
 * known what the kernel saw.
 */
static struct vmsc_range empty[NR_ASKS] = { { 0, 0 } };
static size_t nr_empty = 0;
static bool is_threaded = false;

static void ask_range(const struct vmsc_range *range)
{
	struct vmsc_touch_record touch = { .addr = 0 };

	vmsc_rec.header->asked++;
	if (vmsc_look_anon(range->start, range->end, &touch.addr))
		vmsc_writer_put(VMSC_RECORD_TOUCH, 0, &touch, sizeof(touch), NULL, 0);
	else if (is_threaded && nr_empty < NR_ASKS)
		empty[nr_empty++] = *range;
}

/* Returns: the address of a page that came while the call was made, 0 for none. */
static uint64_t look_again(void)
{
	uint64_t addr;

	for (size_t i = 0; i < nr_empty; i++) {
		if (vmsc_look_anon(empty[i].start, empty[i].end, &addr))
			return addr;
	}
	return 0;
}

/* What a decision of the model's hangs on, or what is about to vanish, is asked while it can be seen. */
static void ask(const struct vmsc_captured *captured)
{
	struct vmsc_range few[NR_ASKS], *ranges = few;
	struct vmsc_call call;
	size_t nr, room = NR_ASKS;

	nr_empty = 0;
	is_threaded = is_threaded || captured->tid != vmsc_rec.shared->pid;
	if (!vmsc_rec.replay)
		return;
	model_call(&call, captured);
	nr = vmsc_mm_asks(vmsc_replay_mm(vmsc_rec.replay), &call, few, NR_ASKS);
	if (nr > NR_ASKS) {
		room = nr;
		ranges = vmsc_arena_alloc(nr * sizeof(*ranges));
		if (!ranges)
			return;
		nr = vmsc_mm_asks(vmsc_replay_mm(vmsc_rec.replay), &call, ranges, room);
	}
	for (size_t i = 0; i < nr && i < room; i++)
		ask_range(&ranges[i]);
	if (ranges != few)
		vmsc_arena_free(ranges, room * sizeof(*ranges));
	vmsc_tables_before(&call);
}

static bool has_extra(const struct vmsc_extra_record *extra)
{
	return extra->file || extra->name || extra->policy || extra->uffd || extra->size || extra->range_start ||
	       extra->range_end || extra->mode;
}

/* Zeros at the end are not written, nor is the descriptor that anonymous memory has. */
static uint32_t count_args(struct vmsc_captured *call)
{
	uint32_t nr = 6;

	while (nr && !call->args[nr - 1])
		nr--;
	if (nr == 5 && (int32_t)call->args[4] == -1 && call->nr == SYS_mmap) {
		call->flags |= VMSC_CALL_NO_FILE;
		nr = 4;
	}
	return nr;
}

/* Without the lock, too. */
static void count_lost(void)
{
	struct vmsc_trace_header *header = __atomic_load_n(&vmsc_rec.header, __ATOMIC_RELAXED);

	if (header)
		__atomic_fetch_add(&header->lost, 1, __ATOMIC_RELAXED);
}

void vmsc_call_write(struct vmsc_captured *call)
{
	struct vmsc_call_record record = {
		.nr = call->nr, .tid = call->tid, .stack = call->stack, .stamp = call->stamp, .result = call->result,
	};

	record.nr_args = count_args(call);
	if (has_extra(&call->extra))
		vmsc_writer_put(VMSC_RECORD_EXTRA, 0, &call->extra, sizeof(call->extra), NULL, 0);
	if (vmsc_state() != VMSC_STATE_ACTIVE) {
		count_lost();
		return;
	}
	vmsc_writer_put(VMSC_RECORD_CALL, call->flags, &record, sizeof(record), call->args,
			record.nr_args * sizeof(uint64_t));
	if (vmsc_state() == VMSC_STATE_STOPPED) { /* there was no room for it */
		count_lost();
		return;
	}
	vmsc_rec.header->calls++;
	if (call->flags & VMSC_CALL_UNORDERED)
		vmsc_rec.header->unordered++;
	vmsc_extra_follow(call);
}

/* What the model could not know, and on request everything, is looked up around what the call touched. */
static void observe(const struct vmsc_captured *call)
{
	const struct vmsc_outcome *last;
	bool is_open;

	if (!vmsc_rec.replay || vmsc_state() != VMSC_STATE_ACTIVE)
		return;
	last = vmsc_replay_last(vmsc_rec.replay);
	is_open = last->undetermined != VMSC_HIDDEN_NOTHING || call->flags & (VMSC_CALL_UNORDERED | VMSC_CALL_RACED);
	if (!is_open && vmsc_rec.options.check != VMSC_CHECK_CALL)
		return;
	if (last->start < last->end)
		vmsc_snapshot_around(is_open ? VMSC_WHEN_UNDETERMINED : VMSC_WHEN_CALL, last->start, last->end);
}

/* Without the lock, too. */
static uint64_t stamp_now(void)
{
	return vmsc_sys_clock(CLOCK_MONOTONIC) - __atomic_load_n(&vmsc_rec.started_monotonic, __ATOMIC_RELAXED);
}

static long make_unordered(struct vmsc_captured *call, const uint64_t args[6])
{
	struct vmsc_pending pending = { .tid = call->tid, .nr = call->nr, .flags = call->flags | VMSC_CALL_UNORDERED };

	pending.result = vmsc_call_raw(call->nr, args);
	pending.stamp = stamp_now();
	memcpy(pending.args, call->args, sizeof(pending.args));
	if (!vmsc_lock_leave(&pending))
		count_lost();
	return pending.result;
}

static void count_unrecorded(void)
{
	if (vmsc_state() == VMSC_STATE_STOPPED)
		count_lost();
}

/*
 * Where calls were made whose order among themselves nobody knows. What came of it shows afterwards, in access rights call by
 * call, in flags only by smaps, which takes its time: once for all of them.
 */
static struct vmsc_range uncertain[NR_UNCERTAIN] = { { 0, 0 } };
static size_t nr_uncertain = 0, nr_drained = 0;

static void note_uncertain(uint64_t start, uint64_t end)
{
	struct vmsc_range *range = uncertain;

	if (start >= end)
		return;
	nr_drained++;
	while (range < uncertain + nr_uncertain && (start > range->end + NEAR || end + NEAR < range->start))
		range++;
	if (range == uncertain + NR_UNCERTAIN) {
		range--;
	} else if (range == uncertain + nr_uncertain) {
		*range = (struct vmsc_range){ start, end };
		nr_uncertain++;
	}
	range->start = start < range->start ? start : range->start;
	range->end = end > range->end ? end : range->end;
}

/* One alone left its flags as it says. */
static void resolve_uncertain(void)
{
	set_busy(1);
	for (size_t i = 0; i < nr_uncertain && nr_drained > 1 && vmsc_state() == VMSC_STATE_ACTIVE; i++)
		vmsc_snapshot_flags(VMSC_WHEN_UNDETERMINED, uncertain[i].start, uncertain[i].end);
	nr_uncertain = nr_drained = 0;
	set_busy(0);
}

void vmsc_call_drain(const struct vmsc_pending *pending)
{
	struct vmsc_captured call;

	if (!pending) {
		resolve_uncertain();
		return;
	}
	if (vmsc_state() != VMSC_STATE_ACTIVE) {
		count_unrecorded();
		return;
	}
	vmsc_call_begin(&call, pending->nr, pending->args);
	call.tid = pending->tid;
	call.flags = pending->flags;
	call.stamp = pending->stamp;
	call.result = pending->result;
	set_busy(1);
	vmsc_extra_before(&call);
	vmsc_extra_after(&call);
	vmsc_call_write(&call);
	observe(&call);
	if (vmsc_rec.replay)
		note_uncertain(vmsc_replay_last(vmsc_rec.replay)->start, vmsc_replay_last(vmsc_rec.replay)->end);
	set_busy(0);
}

/* Could what may be committed have refused it? Others, madvise above all, say ENOMEM of a hole, and often. */
static bool is_short_of_memory(const struct vmsc_captured *call)
{
	switch (call->nr) {
	case SYS_brk: /* tells it by its answer */
		return call->args[0] && (uint64_t)call->result < call->args[0];
	case SYS_mmap:
	case SYS_mremap:
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_shmat:
		return call->result == -ENOMEM;
	default:
		return false;
	}
}

static void make_ordered(struct vmsc_captured *call, const uint64_t args[6], const struct vmsc_frames *frames)
{
	struct vmsc_touch_record touch = { .addr = 0 };

	set_busy(1);
	call->stack = frames ? vmsc_stack_id(frames) : 0;
	vmsc_extra_before(call);
	ask(call);
	call->result = vmsc_call_raw(call->nr, args);
	call->stamp = stamp_now();
	vmsc_tables_after();
	vmsc_extra_after(call);
	if (is_short_of_memory(call))
		vmsc_attach_retell_memory();
	vmsc_tables_write();
	touch.addr = nr_empty ? look_again() : 0;
	if (touch.addr)
		call->flags |= VMSC_CALL_RACED;
	vmsc_call_write(call);
	observe(call);
	if (touch.addr)
		vmsc_writer_put(VMSC_RECORD_TOUCH, 0, &touch, sizeof(touch), NULL, 0);
	set_busy(0);
}

static long make_unrecorded(uint32_t nr, const uint64_t args[6])
{
	count_unrecorded();
	return vmsc_call_raw(nr, args);
}

long vmsc_call(uint32_t nr, const uint64_t args[6])
{
	const struct vmsc_frames *frames;
	struct vmsc_captured call;

	if (vmsc_state() != VMSC_STATE_ACTIVE)
		return make_unrecorded(nr, args);
	frames = vmsc_self.depth == 1 ? vmsc_stack_take(nr) : NULL;
	vmsc_call_begin(&call, nr, args);
	call.tid = vmsc_tid();
	if (vmsc_lock_is_stuck() || !vmsc_lock_try(call.tid))
		return make_unordered(&call, args);
	if (vmsc_state() == VMSC_STATE_ACTIVE)
		make_ordered(&call, args, frames);
	else
		call.result = make_unrecorded(nr, args);
	vmsc_lock_release(vmsc_call_drain);
	return call.result;
}

void vmsc_call_recover(void)
{
	if (__atomic_load_n(&vmsc_shared()->lock, __ATOMIC_RELAXED) != vmsc_tid())
		return;
	if (vmsc_rec.model_busy && vmsc_state() == VMSC_STATE_ACTIVE) {
		vmsc_rec.replay = NULL;
		vmsc_problem("a handler jumped out of a recorded call; the live model was given up");
		vmsc_snapshot_all(VMSC_WHEN_RESUME);
	}
	set_busy(0);
	vmsc_lock_release(NULL);
}

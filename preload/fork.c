/* SPDX-License-Identifier: MIT */
/* fork.c - see fork.h. */
#include "fork.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "attach.h"
#include "call.h"
#include "facts.h"
#include "fdtable.h"
#include "lock.h"
#include "look.h"
#include "memo.h"
#include "own.h"
#include "problem.h"
#include "reach.h"
#include "sigsys.h"
#include "snapshot.h"
#include "spare.h"
#include "stack.h"
#include "start.h"
#include "sys.h"
#include "trap.h"
#include "unwinder.h"
#include "writer.h"

#include "inject.h"

static long make_locked(struct vmsc_captured *call, uint32_t nr, const uint64_t args[6],
			const struct vmsc_frames *frames)
{
	call->stack = frames ? vmsc_stack_id(frames) : 0;
	call->result = vmsc_call_raw(nr, args);
	if (!call->result)
		return 0;
	call->stamp = vmsc_sys_clock(CLOCK_MONOTONIC) - vmsc_rec.started_monotonic;
	vmsc_call_write(call);
	return call->result;
}

long vmsc_fork(uint32_t nr, const uint64_t args[6])
{
	const struct vmsc_frames *frames;
	struct vmsc_captured call;
	long ret;

	if (vmsc_state() != VMSC_STATE_ACTIVE) {
		ret = vmsc_call_raw(nr, args);
		if (!ret) {
			vmsc_spare_child();
			vmsc_sigsys_forget();
			vmsc_trap_child();
		}
		return ret;
	}
	vmsc_reach_before_fork();
	frames = vmsc_self.depth == 1 ? vmsc_stack_take(nr) : NULL;
	vmsc_call_begin(&call, nr, args);
	call.tid = vmsc_tid();
	vmsc_unwinder_fork_begins();
	/* Without the lock the child finds a model that may not be whole, and starts from the maps. */
	if (!vmsc_lock_try(call.tid)) {
		ret = vmsc_call_raw(nr, args);
	} else {
		ret = make_locked(&call, nr, args, frames);
		if (ret)
			vmsc_lock_release(vmsc_call_drain);
	}
	if (!ret)
		vmsc_fork_child();
	else
		vmsc_unwinder_fork_ends();
	return ret;
}

/* The parent asked for nothing on the child's behalf: what the fork copied is all still there to be seen. */
static void ask_inherited(struct vmsc_mm *mm)
{
	const struct vmsc_call call = { .nr = SYS_clone };
	size_t nr = vmsc_mm_asks(mm, &call, NULL, 0), room = nr;
	struct vmsc_range *ranges;
	uint64_t addr;

	ranges = nr ? vmsc_arena_alloc(nr * sizeof(*ranges)) : NULL;
	if (!ranges)
		return;
	nr = vmsc_mm_asks(mm, &call, ranges, room);
	for (size_t i = 0; i < nr && i < room; i++) {
		vmsc_rec.header->asked++;
		if (vmsc_look_anon(ranges[i].start, ranges[i].end, &addr) && vmsc_mm_fault(mm, addr))
			vmsc_problem("a page of a forked child lies where the model has no VMA");
	}
	vmsc_arena_free(ranges, room * sizeof(*ranges));
}

static void tell_inherited(struct vmsc_mm *mm)
{
	struct vmsc_vma_record record;
	uint64_t at = 0;

	memset(&record, 0, sizeof(record));
	while (vmsc_mm_find(mm, at, &record.vma)) {
		at = record.vma.end;
		vmsc_writer_put(VMSC_RECORD_VMA, 0, &record, sizeof(record), NULL, 0);
	}
}

/* The trace begins with the parent's VMAs as the fork left them, and is held against the maps at once. */
static void begin_inherited(struct vmsc_replay *parents)
{
	struct vmsc_mm *mm = vmsc_replay_mm(parents);
	bool blind = vmsc_replay_is_blind(parents);

	vmsc_attach_new_model();
	ask_inherited(mm);
	if (vmsc_mm_fork(mm))
		vmsc_problem("no memory for a forked child's model");
	vmsc_attach_tell_process();
	vmsc_problem_tell_again();
	vmsc_attach_tell_limits();
	vmsc_attach_write_layout(&vmsc_mm_config(mm)->layout);
	vmsc_own_tell();
	vmsc_facts_tell(mm);
	tell_inherited(mm);
	vmsc_replay_free(parents);
	vmsc_snapshot_all(blind ? VMSC_WHEN_RESUME : VMSC_WHEN_FORK);
}

static void forget_parent(void)
{
	vmsc_look_forget();
	vmsc_fd_forget();
	vmsc_writer_forget();
	vmsc_stack_forget();
	vmsc_rec.is_child = true;
	vmsc_rec.options.is_root = false;
	vmsc_self.tid = 0;
	vmsc_self.vfork = 0;
}

/* Forked behind our back while a call was being recorded: what was copied may be half changed. Or when recording had
 * stopped: it is not up to date. */
static void distrust(void)
{
	vmsc_arena_restart();
	vmsc_facts_forget();
	vmsc_fd_distrust();
	vmsc_stack_distrust();
}

void vmsc_fork_child(void)
{
	bool is_sound = !vmsc_rec.model_busy && !vmsc_rec.is_behind, can_unwind = vmsc_unwinder_child();
	struct vmsc_replay *parents = is_sound ? vmsc_rec.replay : NULL;

	vmsc_memo_forget();
	vmsc_spare_child();
	vmsc_sigsys_forget();
	if (!vmsc_rec.options.follow) {
		vmsc_set_state(VMSC_STATE_OFF);
		return;
	}
	vmsc_trap_child();
	vmsc_set_state(VMSC_STATE_STARTING);
	forget_parent();
	vmsc_rec.shared->pid = sys_getpid();
	if (!is_sound)
		distrust();
	if (!can_unwind) {
		vmsc_rec.options.stacks = false;
		vmsc_problem("forked while another thread was in the unwinder; no call stacks are recorded");
	}
	vmsc_rec.replay = NULL;
	vmsc_rec.model_busy = 0;
	vmsc_rec.is_behind = false;
	if (vmsc_start_trace()) {
		vmsc_set_state(VMSC_STATE_OFF);
		return;
	}
	if (parents)
		begin_inherited(parents);
	else
		vmsc_start_from_maps();
	vmsc_start_recording();
}

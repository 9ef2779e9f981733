/* SPDX-License-Identifier: MIT */
/*
 * recorder.h - what the recorder's parts share.
 *
 *   slots.S ─► gate.c ─► call.c ─► writer.c ─► trace file
 *   trap.c  ──►┤         │           └──────► live replay
 *               │         ├ look.c, fdtable.c, facts.c: what the kernel says
 *               │         └ stack.c: call stacks
 *               ├ fork.c, finish.c: children, ends
 *               └ fdhooks.c: descriptors
 *
 * struct vmsc_recorder is private memory: a forked child gets a copy. struct vmsc_shared lies in pages that a forked child
 * finds zeroed, so that a child knows itself, by whatever call it was made.
 */
#ifndef VMSC_RECORDER_H
#define VMSC_RECORDER_H

#include "options.h"
#include "slots.h"
#include "vmascope/replay.h"

enum vmsc_state {
	VMSC_STATE_FORKED, /* a child that has not begun its own trace */
	VMSC_STATE_STARTING, /* before the program runs */
	VMSC_STATE_ACTIVE,
	VMSC_STATE_PAUSED, /* by the program's wish */
	VMSC_STATE_STOPPED, /* no more can be written */
	VMSC_STATE_ENDING, /* one thread is writing the end */
	VMSC_STATE_OFF, /* calls pass through untouched */
};

#define VMSC_NR_PENDING 16384 /* a call that blocks for seconds: the others make thousands */

enum {
	VMSC_PENDING_FREE,
	VMSC_PENDING_FILLING,
	VMSC_PENDING_READY,
};

/* A call that was made without the lock, waiting for the owner to write it. */
struct vmsc_pending {
	uint32_t state;
	uint32_t tid;
	uint32_t nr, flags;
	uint64_t turn; /* order among those that wait */
	uint64_t stamp;
	int64_t result;
	uint64_t args[6];
};

struct vmsc_shared {
	uint32_t state; /* enum vmsc_state: first, and 0 in a forked child */
	uint32_t pid;
	uint32_t lock; /* owner's tid, 0: free */
	uint32_t waiters;
	uint32_t nr_pending;
	uint64_t pending_turn; /* of the next that is left */
	uint64_t drain_turn; /* of the oldest that may be there; its owner's */
	uint32_t ending_tid;
	uint32_t turns; /* how often the lock was had: without progress its owner is stuck */
	uint32_t stuck; /* the turn in which somebody waited in vain: others need not wait for it */
	struct vmsc_pending pending[]; /* vmsc_rec.pending_room of them */
};

#define VMSC_SHARED_SIZE (sizeof(struct vmsc_shared) + VMSC_NR_PENDING * sizeof(struct vmsc_pending))

struct vmsc_recorder {
	struct vmsc_shared *shared; /* read by vmsc_shared() */
	struct vmsc_options options;
	struct vmsc_replay *replay; /* live model, NULL: none */
	struct vmsc_trace_header *header; /* mapped; NULL: none */
	uint32_t capture_mode;
	uint32_t pending_room; /* VMSC_NR_PENDING; 0 where shared is but a remainder */
	uint32_t model_busy; /* in the middle of a change: a copy made now is not consistent */
	uint32_t selftest; /* calls seen by the start-up test, which are not made */
	bool testing;
	bool trapping; /* SIGSYS is ours: capture in full */
	bool yielded; /* some thread's traps are the program's own */
	bool shares_thread_data; /* there are threads that have another's: thread ids can't be kept in them */
	bool loading; /* the unwinder: its mappings go to our slot */
	bool is_child; /* forked from a traced process */
	bool is_behind; /* recording has stopped: what is known of the process is of then */
	uint64_t text_start, text_end; /* this library's executable part */
	uint64_t started, started_monotonic; /* of the trace, ns */
};

extern struct vmsc_recorder vmsc_rec;

/* A sentence for the trace: something of ours that did not work. Kept until the trace is open. */
void vmsc_problem(const char *sentence);

/* NULL: the recorder did not start. Changes once more at most, when a thread of the program takes our memory (intrude.c). */
static inline struct vmsc_shared *vmsc_shared(void)
{
	return __atomic_load_n(&vmsc_rec.shared, __ATOMIC_ACQUIRE);
}

static inline uint32_t vmsc_state(void)
{
	return __atomic_load_n(&vmsc_shared()->state, __ATOMIC_ACQUIRE);
}

static inline void vmsc_set_state(enum vmsc_state state)
{
	__atomic_store_n(&vmsc_shared()->state, state, __ATOMIC_RELEASE);
}

/* Thread id of the caller; asked anew in a vfork child, whose thread data are its parent's. */
uint32_t vmsc_tid(void);

#endif

/* SPDX-License-Identifier: MIT */
/* stack.h - the call stacks of calls, and their numbers in the trace. */
#ifndef VMSC_STACK_H
#define VMSC_STACK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmascope/trace.h"

#define VMSC_STACK_OURS 12 /* frames of ours on top, at most */

struct vmsc_frames {
	uint64_t hash; /* of the others, never 0 where there are frames */
	uint32_t nr;
	uint64_t at[VMSC_STACK_MAX];
};

/*
 * The stack of this thread's call @nr, our own frames left out; none where there is too little room. It lies in the thread's
 * data, and is good until the thread's next call. Not under the lock.
 */
const struct vmsc_frames *vmsc_stack_take(uint32_t nr);

/* Where handlers of this thread run with little room. */
void vmsc_stack_set_alternate(const stack_t *stack);

/* Is @at on the signal stack of this thread? */
bool vmsc_stack_is_alternate(uint64_t at);

/* The trace's number for @frames, written when new; 0 for none. Under the lock. */
uint32_t vmsc_stack_id(const struct vmsc_frames *frames);

/* Numbers start anew: another trace. */
void vmsc_stack_forget(void);

/* The same, where the table can't be trusted either. */
void vmsc_stack_distrust(void);

#endif

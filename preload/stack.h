/* SPDX-License-Identifier: MIT */
/* stack.h - call stacks by libunwind, which is loaded at start so that none of its symbols reaches the program. */
#ifndef VMSC_STACK_H
#define VMSC_STACK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "slots.h"
#include "vmascope/trace.h"

#define VMSC_STACK_OURS 12 /* frames of ours on top, at most */

struct vmsc_frames {
	uint64_t hash; /* of the others, never 0 where there are frames */
	uint32_t nr;
	uint64_t at[VMSC_STACK_MAX];
};

/* Loads the unwinder. False: no stacks. Before the program runs. */
bool vmsc_stack_load(void);

/* Lets it do its first-time work, once sites are patched. */
void vmsc_stack_warm_up(void);

/*
 * The caller's stack, our own frames left out; none where there is too little room. It lies in the thread's data, and is good
 * until the thread's next call. Not under the lock.
 */
const struct vmsc_frames *vmsc_stack_take(void);

/* This thread is no longer in the unwinder, if it was: a handler left it by a jump. */
void vmsc_stack_leave(void);

/*
 * Around a fork, not under the lock: no other thread is in the unwinder between them, if that can be had. vmsc_stack_child()
 * in the child: may it be used there?
 */
void vmsc_stack_fork_begins(void);
void vmsc_stack_fork_ends(void);
bool vmsc_stack_child(void);

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

/* Is @at in the unwinder's text, while it works for us? */
bool vmsc_stack_is_own_return(uint64_t at);

/* Was the call at these registers made by the unwinder? */
bool vmsc_stack_is_own_call(const struct vmsc_regs *regs);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * unwinder.h - libunwind in somebody else's process: loaded at start so that none of its symbols reaches the program, with
 * thread data, memory and descriptors that are ours.
 */
#ifndef VMSC_UNWINDER_H
#define VMSC_UNWINDER_H

#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdbool.h>
#include <stdint.h>

#include "slots.h"

/* Its functions, as they are named there. */
struct vmsc_unwinder {
	int (*backtrace)(void **, int); /* see vmsc_unwinder_frames() */
	int (*getcontext)(unw_context_t *);
	int (*init_local)(unw_cursor_t *, unw_context_t *);
	int (*step)(unw_cursor_t *);
	int (*get_save_loc)(unw_cursor_t *, int, unw_save_loc_t *);
	int (*get_reg)(unw_cursor_t *, unw_regnum_t, unw_word_t *);
};

extern struct vmsc_unwinder vmsc_unwinder;

/* Loads it. False: no stacks. Before the program runs. */
bool vmsc_unwinder_load(void);

/* Lets it do its first-time work, once sites are patched. */
void vmsc_unwinder_warm_up(void);

/*
 * Around each use; not under the recorder's lock. False: it is not to be used now. Between them its calls are told from the
 * program's.
 */
bool vmsc_unwinder_enter(void);
void vmsc_unwinder_leave(void); /* also where a handler left it by a jump; nothing where it was not entered */

/*
 * The frames of a thread that makes call @nr, innermost first, our own with them: at most @max. Returns: how many.
 *
 * The library's backtrace is quick by a cache, 256 KiB for each thread, which libc frees at the thread's end. Most threads have too
 * few stacks to be worth one. And at its very end a thread makes calls when nobody would free it any more, but it maps nothing then:
 * so the cache is made with a call of mmap.
 */
int vmsc_unwinder_frames(void **frames, int max, uint32_t nr);

/*
 * Around a fork, not under the lock: no other thread is in the unwinder between them, if that can be had.
 * vmsc_unwinder_child() in the child: may it be used there?
 */
void vmsc_unwinder_fork_begins(void);
void vmsc_unwinder_fork_ends(void);
bool vmsc_unwinder_child(void);

/* Is @at in its text, while it works for us? */
bool vmsc_unwinder_is_return(uint64_t at);

/* Was the call at these registers made by it? */
bool vmsc_unwinder_is_call(const struct vmsc_regs *regs);

/* Makes such a call: @nr of @args. */
long vmsc_unwinder_call(uint32_t nr, const uint64_t args[6]);

#endif

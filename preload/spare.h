/* SPDX-License-Identifier: MIT */
/*
 * spare.h - stacks of ours, for when the program's has little room: a coroutine's, a signal stack, what a trap left of it.
 * On one of them all signals must be blocked: a handler would run there, and collectors of garbage ask where a thread's
 * stack is.
 */
#ifndef VMSC_SPARE_H
#define VMSC_SPARE_H

#include <stdbool.h>
#include <stdint.h>

/* Makes them. Without, everything runs on the program's stacks. */
void vmsc_spare_start(uint64_t main_stack);

/* Has this thread, whose stack is used down to @at, so little that we should not use it? */
bool vmsc_spare_is_wanted(uint64_t at);

/* run(data), on a spare stack if there is one. */
void vmsc_spare_run(void (*run)(void *), void *data);

/* A forked child: the other threads' are free again. */
void vmsc_spare_child(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * lock.h - the recorder's one lock. It is held across a captured system call, so that the trace has the kernel's order.
 * Whoever can't have it soon (a handler that interrupted the owner; an owner that is blocked in the kernel) makes its call
 * all the same and leaves it for the owner to write, marked as unordered.
 */
#ifndef VMSC_LOCK_H
#define VMSC_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder.h"

/* True: had. False: held by this thread already, or by one that has not moved for about 100 ms. */
bool vmsc_lock_try(uint32_t tid);

/*
 * Is it held in a turn in which somebody waited in vain already? A call that waits for another thread (userfaultfd, FUSE)
 * keeps it for that long; calls of the others need not wait each. Ends and forks have the patience.
 */
bool vmsc_lock_is_stuck(void);

/* Gives the lock back, after @drain has been called on every pending call, and with NULL behind the last, if there were any. */
void vmsc_lock_release(void (*drain)(const struct vmsc_pending *pending));

/* Leaves a call for the owner. False: no room, the call is lost. */
bool vmsc_lock_leave(const struct vmsc_pending *call);

#endif

/* SPDX-License-Identifier: MIT */
/* trap.h - capture in full: system calls from outside the door's range, by Syscall User Dispatch and SIGSYS.
 */
#ifndef VMSC_TRAP_H
#define VMSC_TRAP_H

#include <stdbool.h>

/* Takes SIGSYS over and tries a call. False: the kernel has no such traps. Nothing traps yet after this. */
bool vmsc_trap_prepare(void);

/* From now on this thread's calls trap, and those of the threads that it starts. */
void vmsc_trap_begin(void);

/* In a forked child, for whom the kernel has switched the traps off. */
void vmsc_trap_child(void);

/* For good, in this thread: the program is about to restrict its calls. */
void vmsc_trap_end(void);

/* The same; and from now on this thread's traps are the program's own, and no new thread gets ours. */
void vmsc_trap_yield(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sigsys.h - SIGSYS belongs to us while calls trap: it is never blocked, and its handler is ours. The program
 * sees what it would see without us: its own action, its own masks with SIGSYS in them, its own handler
 * called.
 */
#ifndef VMSC_SIGSYS_H
#define VMSC_SIGSYS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

/* The kernel's struct sigaction and its set of signals. */
struct vmsc_action {
	uint64_t handler, flags, restorer, mask;
};

/* Installs our handler, after what was there has been taken for the program's. */
bool vmsc_sigsys_begin(void (*handler)(int, siginfo_t *, void *));

/* The program's rt_sigaction, rt_sigprocmask (also from a trap, whose mask is in @context) and rt_sigpending.
 */
long vmsc_sigsys_action(const uint64_t args[6]);
long vmsc_sigsys_mask(const uint64_t args[6], ucontext_t *context);
long vmsc_sigsys_pending(const uint64_t args[6]);

/*
 * A new thread begins with the mask of the one that made it. @mask is what it really has: libc makes threads with all signals
 * blocked, but for SIGSYS then, which the program would find blocked, too.
 */
void vmsc_sigsys_know(uint64_t mask);

/* May a handler of the program's interrupt us? Known only while SIGSYS is ours. */
bool vmsc_sigsys_has_handlers(void);

/*
 * Which of the arguments of call @nr points to a mask to wait with, and whether by way of a structure
 * (pselect6, io_uring_enter); -1: none.
 * @size: the number of the argument with its size.
 */
int vmsc_sigsys_wait_argument(uint32_t nr, const uint64_t args[6], bool *by_structure);

/*
 * Does this waiting call want to block SIGSYS? Then @copy is such a mask without it, and args[] is changed to
 * point there.
 * @copy has room for four words.
 */
bool vmsc_sigsys_edit_wait(uint32_t nr, uint64_t args[6], uint64_t *copy);

/* Really blocks SIGSYS in this thread: what traps then ends the process. And back. */
void vmsc_sigsys_hold_off(bool off);

/* Sends again what came while the program had SIGSYS blocked, or while we could not be disturbed. */
void vmsc_sigsys_release(void);

/* A wait for signals (rt_sigtimedwait) that finds one which came before: made, without the kernel; its result is *@ret. */
bool vmsc_sigsys_take(uint32_t nr, const uint64_t args[6], long *ret);

/* A forked child has nothing pending, and no other threads. */
void vmsc_sigsys_forget(void);

/* A SIGSYS that is no trap of ours. */
void vmsc_sigsys_deliver(siginfo_t *info, ucontext_t *context);

/* An exec takes over which signals are ignored and blocked: as the program believes them to be. And back,
 * when it failed. */
void vmsc_sigsys_before_exec(void);
void vmsc_sigsys_after_exec(void);

#endif

/* SPDX-License-Identifier: MIT */
/* lock.c - see lock.h. No fairness: a ticket lock collapses when there are more threads than processors. */
#include "lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <time.h>

#include "sys.h"
#include "text.h"

#include "inject.h"

#define SPINS 200
#define WAITS 50
#define WAIT_NS 2000000
#define TURNS_TO_RUN 300 /* times WAITS * WAIT_NS: how long an owner may wait for a processor */

static bool take(struct vmsc_shared *shared, uint32_t tid, uint32_t *owner)
{
	*owner = 0;
	if (!__atomic_compare_exchange_n(&shared->lock, owner, tid, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&shared->turns, shared->turns + 1, __ATOMIC_RELAXED); /* nobody else writes it now */
	return true;
}

/* Has the owner only been robbed of its processor? Then it will go on; in the kernel it may be blocked for good. */
static bool is_runnable(uint32_t tid)
{
	char path[48], stat[64];
	struct vmsc_text text = vmsc_text_in(path, sizeof(path));
	const char *state;

	vmsc_text_put(&text, "/proc/self/task/");
	vmsc_text_number(&text, tid);
	vmsc_text_put(&text, "/stat");
	if (text.cut || vmsc_sys_slurp(path, stat, sizeof(stat)) <= 0)
		return false;
	state = strrchr(stat, ')');
	return state && state[1] == ' ' && state[2] == 'R';
}

static bool wait_for(struct vmsc_shared *shared, uint32_t tid)
{
	const struct timespec patience = { 0, WAIT_NS };
	uint32_t owner, now, turns = __atomic_load_n(&shared->turns, __ATOMIC_RELAXED);
	int again = 0;

	for (int timeouts = 0; timeouts < WAITS;) {
		if (take(shared, tid, &owner))
			return true;
		now = __atomic_load_n(&shared->turns, __ATOMIC_RELAXED);
		if (turns != now) {
			turns = now;
			timeouts = 0;
		}
		if (sys6(SYS_futex, (uintptr_t)&shared->lock, FUTEX_WAIT_PRIVATE, owner, (uintptr_t)&patience, 0,
			 0) == -ETIMEDOUT)
			timeouts++;
		if (timeouts == WAITS && again++ < TURNS_TO_RUN && is_runnable(owner))
			timeouts = 0;
	}
	/* A thread that was cancelled or killed in our midst never gives it back. */
	owner = __atomic_load_n(&shared->lock, __ATOMIC_RELAXED);
	if (owner && sys3(SYS_tgkill, shared->pid, owner, 0) == -ESRCH)
		return __atomic_compare_exchange_n(&shared->lock, &owner, tid, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_RELAXED);
	__atomic_store_n(&shared->stuck, turns, __ATOMIC_RELAXED);
	return false;
}

bool vmsc_lock_is_stuck(void)
{
	const struct vmsc_shared *shared = vmsc_shared();
	uint32_t stuck = __atomic_load_n(&shared->stuck, __ATOMIC_RELAXED);

	return stuck && stuck == __atomic_load_n(&shared->turns, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&shared->lock, __ATOMIC_RELAXED);
}

bool vmsc_lock_try(uint32_t tid)
{
	struct vmsc_shared *shared = vmsc_shared();
	uint32_t owner;
	bool had;

	if (take(shared, tid, &owner))
		return true;
	if (owner == tid)
		return false;
	for (int i = 0; i < SPINS; i++) {
		__builtin_ia32_pause();
		if (!__atomic_load_n(&shared->lock, __ATOMIC_RELAXED) && take(shared, tid, &owner))
			return true;
	}
	__atomic_fetch_add(&shared->waiters, 1, __ATOMIC_SEQ_CST);
	had = wait_for(shared, tid);
	__atomic_fetch_sub(&shared->waiters, 1, __ATOMIC_SEQ_CST);
	return had;
}

static bool is_ready(const struct vmsc_pending *pending)
{
	return __atomic_load_n(&pending->state, __ATOMIC_ACQUIRE) == VMSC_PENDING_READY;
}

/* Mostly the one whose turn it is lies in its own place. */
static struct vmsc_pending *oldest_pending(struct vmsc_shared *shared)
{
	struct vmsc_pending *oldest = &shared->pending[shared->drain_turn % VMSC_NR_PENDING];

	if (is_ready(oldest) && oldest->turn == shared->drain_turn)
		return oldest;
	oldest = NULL;
	for (int i = 0; i < VMSC_NR_PENDING; i++) {
		struct vmsc_pending *pending = &shared->pending[i];

		if (is_ready(pending) && (!oldest || pending->turn < oldest->turn))
			oldest = pending;
	}
	return oldest;
}

/* A handler may leave more while this runs; those come after. */
static void drain_all(struct vmsc_shared *shared, void (*drain)(const struct vmsc_pending *))
{
	struct vmsc_pending *pending;

	/* Its owner is back: who comes now waits for it again, and the kernel's VMAs stay as they are meanwhile. */
	__atomic_store_n(&shared->stuck, 0, __ATOMIC_RELAXED);
	while ((pending = oldest_pending(shared))) {
		shared->drain_turn = pending->turn + 1;
		drain(pending);
		__atomic_store_n(&pending->state, VMSC_PENDING_FREE, __ATOMIC_RELEASE);
		__atomic_fetch_sub(&shared->nr_pending, 1, __ATOMIC_RELAXED);
	}
	drain(NULL);
}

void vmsc_lock_release(void (*drain)(const struct vmsc_pending *))
{
	struct vmsc_shared *shared = vmsc_shared();

	if (__atomic_load_n(&shared->nr_pending, __ATOMIC_RELAXED) && drain)
		drain_all(shared, drain);
	__atomic_store_n(&shared->lock, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&shared->waiters, __ATOMIC_SEQ_CST))
		sys6(SYS_futex, (uintptr_t)&shared->lock, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

bool vmsc_lock_leave(const struct vmsc_pending *call)
{
	struct vmsc_shared *shared = vmsc_shared();
	uint64_t turn;

	if (__atomic_load_n(&shared->nr_pending, __ATOMIC_RELAXED) >= vmsc_rec.pending_room)
		return false;
	turn = __atomic_fetch_add(&shared->pending_turn, 1, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < VMSC_NR_PENDING; i++) {
		struct vmsc_pending *slot = &shared->pending[(turn + i) % VMSC_NR_PENDING];
		uint32_t expected = VMSC_PENDING_FREE;

		if (!__atomic_compare_exchange_n(&slot->state, &expected, VMSC_PENDING_FILLING, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		slot->turn = turn;
		slot->tid = call->tid;
		slot->nr = call->nr;
		slot->flags = call->flags;
		slot->stamp = call->stamp;
		slot->result = call->result;
		for (int k = 0; k < 6; k++)
			slot->args[k] = call->args[k];
		__atomic_store_n(&slot->state, VMSC_PENDING_READY, __ATOMIC_RELEASE);
		__atomic_fetch_add(&shared->nr_pending, 1, __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

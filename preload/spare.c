/* SPDX-License-Identifier: MIT */
/* spare.c - see spare.h. */
#include "spare.h"

#include <signal.h>
#include <linux/ioctl.h>

#include "arena.h"
#include "door.h"
#include "look.h"
#include "recorder.h"
#include "sigsys.h"
#include "sys.h"

#include "inject.h"

#define SPARE_SIZE UINT64_C(32768)
#define NR_SPARES 64
#define ROOM_WANTED UINT64_C(16384) /* bytes of stack that the unwinder and the model may need */
#define STACK_GUESS UINT64_C(131072) /* where the kernel does not tell: less than any usual thread's */
#define MAIN_STACK_MAX (UINT64_C(1) << 30)

/* slots.S: run(data) with the stack pointer at @top. */
void vmsc_spare_switch(void (*run)(void *), void *data, uint64_t top);

static uint64_t stacks = 0, in_use = 0, main_top = 0;

void vmsc_spare_start(uint64_t main_stack)
{
	long at = vmsc_arena_pool(NR_SPARES * SPARE_SIZE, PROT_READ | PROT_WRITE);

	main_top = main_stack;
	if (!sys_failed(at))
		stacks = at;
}

/* The main thread's stack ends where the environment begins and grows as far as it may; another's has its TCB on top. */
static void find_stack(struct vmsc_thread *self)
{
	struct vmsc_seen_record seen;
	struct rlimit limit = { MAIN_STACK_MAX, MAIN_STACK_MAX };

	if (sys_gettid() == vmsc_rec.shared->pid && !vmsc_rec.is_child) {
		sys_getrlimit(RLIMIT_STACK, &limit);
		self->stack_end = main_top;
		self->stack_start = main_top - (limit.rlim_cur < MAIN_STACK_MAX ? limit.rlim_cur : MAIN_STACK_MAX);
		return;
	}
	__asm__("mov %%fs:0, %0" : "=r"(self->stack_end));
	self->stack_start = self->stack_end - STACK_GUESS;
	if (!vmsc_look_quick(self->stack_end, &seen))
		self->stack_start = seen.start;
}

bool vmsc_spare_is_wanted(uint64_t at)
{
	struct vmsc_thread *self = &vmsc_self;

	if (!stacks)
		return false;
	if (!self->stack_end)
		find_stack(self);
	return at >= self->stack_end || at < self->stack_start + ROOM_WANTED;
}

static int take_one(void)
{
	uint64_t taken = __atomic_load_n(&in_use, __ATOMIC_RELAXED);
	int which;

	do {
		if (!~taken)
			return -1;
		which = __builtin_ctzll(~taken);
	} while (!__atomic_compare_exchange_n(&in_use, &taken, taken | UINT64_C(1) << which, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return which;
}

/*
 * A signal that came on a spare stack would have its frame at the top of the program's signal stack, which may be where we come
 * from. So none may come; except for traps, where the door is narrow: those find this stack to be the signal stack.
 */
struct guarded {
	void (*run)(void *);
	void *data;
	stack_t own, before;
	bool is_changed;
};

static void run_guarded(void *arg)
{
	struct guarded *guarded = arg;

	if (!vmsc_door_is_narrow()) {
		guarded->run(guarded->data);
		return;
	}
	if (guarded->own.ss_sp)
		guarded->is_changed = !sys3(SYS_sigaltstack, (uintptr_t)&guarded->own, (uintptr_t)&guarded->before, 0);
	vmsc_sigsys_hold_off(false);
	guarded->run(guarded->data);
	vmsc_sigsys_hold_off(true);
}

void vmsc_spare_run(void (*run)(void *), void *data)
{
	struct guarded guarded = { .run = run, .data = data, .is_changed = false };
	int which = stacks ? take_one() : -1;

	if (which < 0) {
		run_guarded(&guarded);
		return;
	}
	guarded.own = (stack_t){ .ss_sp = (void *)(uintptr_t)(stacks + which * SPARE_SIZE), .ss_size = SPARE_SIZE };
	vmsc_self.careful++;
	vmsc_spare_switch(run_guarded, &guarded, stacks + (which + 1) * SPARE_SIZE);
	vmsc_self.careful--;
	if (guarded.is_changed)
		sys3(SYS_sigaltstack, (uintptr_t)&guarded.before, 0, 0);
	__atomic_fetch_and(&in_use, ~(UINT64_C(1) << which), __ATOMIC_RELEASE);
}

void vmsc_spare_child(void)
{
	uint64_t here = (uintptr_t)__builtin_frame_address(0) - stacks;

	in_use = here < NR_SPARES * SPARE_SIZE ? UINT64_C(1) << here / SPARE_SIZE : 0;
}

/* SPDX-License-Identifier: MIT */
/* sigsys.c - see sigsys.h. */
#include "sigsys.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "door.h"
#include "finish.h"
#include "recorder.h"
#include "sys.h"

#include "inject.h"

#define RESTORER_FLAG 0x04000000 /* SA_RESTORER */
#define SIGSYS_BIT (UINT64_C(1) << (SIGSYS - 1))
#define ALWAYS_OPEN (UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1))
#define LIBC_OPEN (UINT64_C(3) << 31) /* signals 32 and 33, which some versions of libc's leave open */
#define SET_SIZE sizeof(uint64_t)
#define NR_SIGNALS 64
#define NO_SUCH_HOW 99
#define URING_ENTER 426 /* io_uring_enter, and its flag: the argument is a structure */
#define URING_EXT_ARG 8
#define NEAR_STACK 1024 /* bytes above a frame of ours that are certainly the program's frames */
#define DEFAULT 0
#define IGNORED 1
#define OWN_FLAGS (SA_SIGINFO | SA_ONSTACK | RESTORER_FLAG)

/* Sent to the process, not to a thread of it, while the thread that got it had SIGSYS blocked. One waits, as in the kernel. */
struct waiting {
	uint32_t state;
	uint8_t info[sizeof(vmsc_self.sigsys_info)];
};

enum { NONE_WAITS, IS_CHANGING, ONE_WAITS };

static struct waiting waiting = { .state = NONE_WAITS };
static struct vmsc_action programs = { .handler = DEFAULT }; /* by hold_action() */
static uint32_t action_held = 0;
static uint64_t masked_by = 0; /* signals: the program set SIGSYS in their actions' masks */
static uint64_t handled = 0; /* signals: the program has a handler */
static void (*own_handler)(int, siginfo_t *, void *) = NULL;

static long set_action(uint64_t handler, uint64_t flags)
{
	const struct vmsc_action action = {
		.handler = handler,
		.flags = flags,
		.restorer = vmsc_door_restorer(),
		.mask = ~SIGSYS_BIT,
	};

	return sys6(SYS_rt_sigaction, SIGSYS, (uintptr_t)&action, 0, SET_SIZE, 0, 0);
}

/* Interrupted calls are begun again where the program's own action would have it so. */
static long set_own_action(void)
{
	bool has_handler = programs.handler != DEFAULT && programs.handler != IGNORED;
	uint64_t restart = has_handler ? programs.flags & SA_RESTART : (uint64_t)SA_RESTART;

	return set_action((uintptr_t)own_handler, OWN_FLAGS | restart);
}

/*
 * It is read and changed whole, as in the kernel. With all signals blocked: a handler would wait for its own thread. No call is
 * made here, as the program's own dispatch may be on, in SIGSYS's handler.
 */
static void hold_action(void)
{
	while (__atomic_exchange_n(&action_held, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static void let_go(void)
{
	__atomic_store_n(&action_held, 0, __ATOMIC_RELEASE);
}

static uint64_t block_all(void)
{
	const uint64_t all = ~UINT64_C(0);
	uint64_t before = 0;

	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&all, (uintptr_t)&before, SET_SIZE, 0, 0);
	return before;
}

/* The handler is also read alone. */
static void set_programs(const struct vmsc_action *to)
{
	__atomic_store_n(&programs.handler, to->handler, __ATOMIC_RELAXED);
	programs.flags = to->flags;
	programs.restorer = to->restorer;
	programs.mask = to->mask;
}

static bool is_ignored(void)
{
	return __atomic_load_n(&programs.handler, __ATOMIC_RELAXED) == IGNORED;
}

static void note_handler(uint64_t signal, uint64_t handler)
{
	uint64_t bit = UINT64_C(1) << (signal - 1);

	if (handler == DEFAULT || handler == IGNORED)
		__atomic_fetch_and(&handled, ~bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_or(&handled, bit, __ATOMIC_RELAXED);
}

bool vmsc_sigsys_has_handlers(void)
{
	return __atomic_load_n(&handled, __ATOMIC_RELAXED);
}

static long change_mask(int how, uint64_t mask)
{
	return sys6(SYS_rt_sigprocmask, how, (uintptr_t)&mask, 0, SET_SIZE, 0, 0);
}

void vmsc_sigsys_hold_off(bool off)
{
	change_mask(off ? SIG_BLOCK : SIG_UNBLOCK, SIGSYS_BIT);
}

static uint64_t current_mask(void)
{
	uint64_t mask = 0;

	sys6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (uintptr_t)&mask, SET_SIZE, 0, 0);
	return mask;
}

void vmsc_sigsys_know(uint64_t mask)
{
	if (vmsc_self.sigsys_known)
		return;
	vmsc_self.sigsys_known = 1;
	vmsc_self.sigsys_blocked = !(~mask & ~(SIGSYS_BIT | ALWAYS_OPEN | LIBC_OPEN));
}

bool vmsc_sigsys_begin(void (*handler)(int, siginfo_t *, void *))
{
	own_handler = handler;
	if (sys6(SYS_rt_sigaction, SIGSYS, 0, (uintptr_t)&programs, SET_SIZE, 0, 0) || set_own_action())
		return false;
	vmsc_self.sigsys_known = 1;
	vmsc_self.sigsys_blocked = current_mask() & SIGSYS_BIT ? 1 : 0;
	change_mask(SIG_UNBLOCK, SIGSYS_BIT);
	return true;
}

/* A write to memory of the program's that may not be there. */
static bool poke(uint64_t to, const void *from, size_t size)
{
	struct iovec local = { (void *)(uintptr_t)from, size };
	struct iovec remote = { (void *)(uintptr_t)to, size };

	return sys6(SYS_process_vm_writev, sys_getpid(), (uintptr_t)&local, 1, (uintptr_t)&remote, 1, 0) == (long)size;
}

static bool peek(void *to, uint64_t from, size_t size)
{
	return vmsc_sys_peek(to, from, size) == (long)size;
}

/*
 * A set is read much oftener than anything else, mostly from the stack of the caller. Elsewhere a call that
 * can't succeed tells whether it is there: the kernel reads the set before it looks at what to do with it.
 */
static bool peek_set(uint64_t *set, uint64_t from)
{
	uint64_t here = (uintptr_t)__builtin_frame_address(0);

	if (from - here > NEAR_STACK && sys6(SYS_rt_sigprocmask, NO_SUCH_HOW, from, 0, SET_SIZE, 0, 0) != -EINVAL)
		return false;
	memcpy(set, (const void *)(uintptr_t)from, sizeof(*set));
	return true;
}

static bool change_waiting(uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&waiting.state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* One that another thread is just putting there comes afterwards. */
static void forget_pending(void)
{
	vmsc_self.sigsys_held = 0;
	change_waiting(ONE_WAITS, NONE_WAITS);
}

void vmsc_sigsys_forget(void)
{
	vmsc_self.sigsys_held = 0;
	__atomic_store_n(&waiting.state, NONE_WAITS, __ATOMIC_RELAXED);
	__atomic_store_n(&action_held, 0, __ATOMIC_RELAXED);
}

static bool is_held(void)
{
	return vmsc_self.sigsys_held || __atomic_load_n(&waiting.state, __ATOMIC_RELAXED) == ONE_WAITS;
}

static void hold(const siginfo_t *info)
{
	bool is_processes = info->si_code != SI_TKILL && !vmsc_self.careful;

	if (!is_processes) {
		memcpy(vmsc_self.sigsys_info, info, sizeof(vmsc_self.sigsys_info));
		vmsc_self.sigsys_held = 1;
	} else if (change_waiting(NONE_WAITS, IS_CHANGING)) {
		memcpy(waiting.info, info, sizeof(waiting.info));
		change_waiting(IS_CHANGING, ONE_WAITS);
	}
}

/* What is pending, the thread's own first. It is no more then. */
static bool take(uint8_t info[sizeof(vmsc_self.sigsys_info)])
{
	if (vmsc_self.sigsys_held) {
		memcpy(info, vmsc_self.sigsys_info, sizeof(vmsc_self.sigsys_info));
		vmsc_self.sigsys_held = 0;
		return true;
	}
	if (!change_waiting(ONE_WAITS, IS_CHANGING))
		return false;
	memcpy(info, waiting.info, sizeof(waiting.info));
	return change_waiting(IS_CHANGING, NONE_WAITS);
}

static long own_action(uint64_t wanted, uint64_t old)
{
	struct vmsc_action before, after;
	uint64_t mask;

	if (wanted && !peek(&after, wanted, sizeof(after)))
		return -EFAULT;
	mask = block_all();
	hold_action();
	before = programs;
	if (wanted) {
		set_programs(&after);
		if (after.handler == IGNORED) /* what is pending is forgotten */
			forget_pending();
		note_handler(SIGSYS, after.handler);
		set_own_action();
	}
	let_go();
	change_mask(SIG_SETMASK, mask);
	return old && !poke(old, &before, sizeof(before)) ? -EFAULT : 0;
}

long vmsc_sigsys_action(const uint64_t args[6])
{
	uint64_t signal = args[0], bit = UINT64_C(1) << ((signal - 1) & (NR_SIGNALS - 1));
	struct vmsc_action action = { .mask = 0 };
	bool was = __atomic_load_n(&masked_by, __ATOMIC_RELAXED) & bit, is;
	long ret;

	if (!vmsc_rec.trapping || vmsc_self.vfork || args[3] != SET_SIZE || !signal || signal > NR_SIGNALS)
		return sys6(SYS_rt_sigaction, signal, args[1], args[2], args[3], 0, 0);
	if (signal == SIGSYS)
		return own_action(args[1], args[2]);
	if (args[1] && !peek(&action, args[1], sizeof(action)))
		return -EFAULT;
	is = action.mask & SIGSYS_BIT;
	action.mask &= ~SIGSYS_BIT;
	ret = sys6(SYS_rt_sigaction, signal, args[1] ? (uintptr_t)&action : 0, args[2], SET_SIZE, 0, 0);
	if (ret)
		return ret;
	if (args[1])
		note_handler(signal, action.handler);
	if (args[1] && is)
		__atomic_fetch_or(&masked_by, bit, __ATOMIC_RELAXED);
	else if (args[1] && was)
		__atomic_fetch_and(&masked_by, ~bit, __ATOMIC_RELAXED);
	if (args[2] && was)
		((struct vmsc_action *)(uintptr_t)args[2])->mask |= SIGSYS_BIT;
	return 0;
}

static uint64_t changed(uint64_t mask, int how, uint64_t by)
{
	return how == SIG_BLOCK ? mask | by : how == SIG_UNBLOCK ? mask & ~by : by;
}

/* What was held back is sent again, as it was. */
static void send_again(void)
{
	uint8_t info[sizeof(vmsc_self.sigsys_info)];

	if (take(info))
		sys6(SYS_rt_tgsigqueueinfo, sys_getpid(), sys_gettid(), SIGSYS, (uintptr_t)info, 0, 0);
}

void vmsc_sigsys_release(void)
{
	if (vmsc_self.sigsys_known && !vmsc_self.sigsys_blocked && !vmsc_self.careful && is_held())
		send_again();
}

bool vmsc_sigsys_take(uint32_t nr, const uint64_t args[6], long *ret)
{
	uint8_t info[sizeof(vmsc_self.sigsys_info)];
	uint64_t set;

	if (nr != SYS_rt_sigtimedwait || !vmsc_rec.trapping || vmsc_self.vfork || !is_held() || args[3] != SET_SIZE ||
	    !peek_set(&set, args[0]) || !(set & SIGSYS_BIT) || !take(info))
		return false;
	*ret = args[1] && !poke(args[1], info, sizeof(info)) ? -EFAULT : SIGSYS;
	return true;
}

/* While SIGSYS is really blocked nobody else calls. */
static bool is_unwinders(const ucontext_t *context)
{
	return vmsc_self.careful && !context && !vmsc_door_is_narrow();
}

long vmsc_sigsys_mask(const uint64_t args[6], ucontext_t *context)
{
	uint64_t set = 0, old = 0, virtual;
	uint64_t *trapped = context ? (void *)&context->uc_sigmask : NULL;
	int how = args[0];
	long ret;

	if (!vmsc_rec.trapping || vmsc_self.vfork || args[3] != SET_SIZE || is_unwinders(context))
		return sys6(SYS_rt_sigprocmask, how, args[1], args[2], args[3], 0, 0);
	if (!vmsc_self.sigsys_known)
		vmsc_sigsys_know(trapped ? *trapped : current_mask());
	virtual = vmsc_self.sigsys_blocked ? SIGSYS_BIT : 0;
	if (args[1] && !peek_set(&set, args[1]))
		return -EFAULT;
	if (args[1] && (how < SIG_BLOCK || how > SIG_SETMASK))
		return -EINVAL;
	if (trapped) {
		old = *trapped;
		if (args[1])
			*trapped = changed(old, how, set) & ~(SIGSYS_BIT | ALWAYS_OPEN);
		ret = 0;
	} else {
		uint64_t open = set & ~SIGSYS_BIT;

		ret = sys6(SYS_rt_sigprocmask, how, args[1] ? (uintptr_t)&open : 0, args[2], SET_SIZE, 0, 0);
	}
	if (ret)
		return ret;
	if (args[1])
		vmsc_self.sigsys_blocked = changed(virtual, how, set) & SIGSYS_BIT ? 1 : 0;
	old |= virtual;
	if (args[2] && trapped && !poke(args[2], &old, sizeof(old)))
		ret = -EFAULT;
	else if (args[2] && !trapped)
		*(uint64_t *)(uintptr_t)args[2] |= virtual;
	vmsc_sigsys_release();
	return ret;
}

long vmsc_sigsys_pending(const uint64_t args[6])
{
	long ret = sys6(SYS_rt_sigpending, args[0], args[1], 0, 0, 0, 0);

	if (!ret && args[1] == SET_SIZE && is_held())
		*(uint64_t *)(uintptr_t)args[0] |= SIGSYS_BIT;
	return ret;
}

int vmsc_sigsys_wait_argument(uint32_t nr, const uint64_t args[6], bool *by_structure)
{
	*by_structure =
		nr == SYS_pselect6 || nr == 333 /* io_pgetevents */ || (nr == URING_ENTER && args[3] & URING_EXT_ARG);
	switch (nr) {
	case SYS_rt_sigsuspend:
		return 0;
	case SYS_ppoll:
		return 3;
	case SYS_epoll_pwait:
	case 441: /* epoll_pwait2 */
	case URING_ENTER:
		return 4;
	case SYS_pselect6:
	case 333:
		return 5;
	}
	return -1;
}

bool vmsc_sigsys_edit_wait(uint32_t nr, uint64_t args[6], uint64_t *copy)
{
	bool by_structure;
	int which = vmsc_sigsys_wait_argument(nr, args, &by_structure);
	uint64_t at;

	if (which < 0 || !vmsc_rec.trapping || vmsc_self.vfork || !args[which])
		return false;
	at = args[which];
	if (by_structure) {
		/* the mask, its size, and for io_uring_enter more */
		size_t size = nr == URING_ENTER ? 3 * sizeof(*copy) : 2 * sizeof(*copy);

		if (!peek(copy + 1, at, size) || !copy[1] || (uint32_t)copy[2] != SET_SIZE)
			return false;
		at = copy[1];
	}
	if (!peek_set(copy, at) || !(*copy & SIGSYS_BIT))
		return false;
	*copy &= ~SIGSYS_BIT;
	copy[1] = (uintptr_t)copy;
	args[which] = by_structure ? (uintptr_t)(copy + 1) : (uintptr_t)copy;
	return true;
}

/* As the kernel would: the end of the process. */
static void end_by_default(void)
{
	const uint64_t args[6] = { sys_getpid(), sys_gettid(), SIGSYS };

	vmsc_rec.trapping = false;
	vmsc_door_disarm();
	set_action(DEFAULT, RESTORER_FLAG);
	change_mask(SIG_UNBLOCK, SIGSYS_BIT);
	vmsc_finish_kill(SYS_tgkill, args);
}

static void run_handler(const struct vmsc_action *action, siginfo_t *info, ucontext_t *context)
{
	((void (*)(int, siginfo_t *, void *))(uintptr_t)action->handler)(SIGSYS, info, context);
}

/* The handler's calls may trap; but another SIGSYS has to wait for its end. */
static void run_unblocked(const struct vmsc_action *action, uint64_t mask, siginfo_t *info, ucontext_t *context)
{
	uint32_t was_blocked = vmsc_self.sigsys_blocked;

	if (!(action->flags & SA_NODEFER) || action->mask & SIGSYS_BIT)
		vmsc_self.sigsys_blocked = 1;
	change_mask(SIG_SETMASK, mask);
	run_handler(action, info, context);
	change_mask(SIG_SETMASK, ~UINT64_C(0));
	vmsc_self.sigsys_blocked = was_blocked;
	vmsc_sigsys_release();
}

void vmsc_sigsys_deliver(siginfo_t *info, ucontext_t *context)
{
	struct vmsc_action action;
	uint64_t mask;

	memcpy(&mask, &context->uc_sigmask, sizeof(mask));
	vmsc_sigsys_know(mask);
	if ((vmsc_self.sigsys_blocked || vmsc_self.careful) && info->si_code <= 0) {
		hold(info);
		return;
	}
	hold_action();
	action = programs;
	if (action.flags & SA_RESETHAND && action.handler != IGNORED)
		__atomic_store_n(&programs.handler, DEFAULT, __ATOMIC_RELAXED);
	let_go();
	if (action.handler == IGNORED)
		return;
	if (action.handler == DEFAULT) {
		end_by_default();
		return;
	}
	/* a call would trap again where the program's own dispatch is on */
	if (vmsc_self.dispatches)
		run_handler(&action, info, context);
	else
		run_unblocked(&action, (mask | action.mask) & ~SIGSYS_BIT, info, context);
}

/* Another thread's trap that finds SIGSYS ignored ends the process. */
static bool is_alone(void)
{
	struct stat about = { 0 };

	return !sys3(SYS_stat, (uintptr_t) "/proc/self/task", (uintptr_t)&about, 0) && about.st_nlink == 3;
}

/* With other threads, what is executed finds the default for what was ignored: they may still be in a call. */
void vmsc_sigsys_before_exec(void)
{
	if (!vmsc_rec.trapping)
		return;
	if (is_ignored() && is_alone())
		set_action(IGNORED, RESTORER_FLAG);
	if (!vmsc_self.sigsys_blocked)
		return;
	change_mask(SIG_BLOCK, SIGSYS_BIT);
	send_again();
}

void vmsc_sigsys_after_exec(void)
{
	if (!vmsc_rec.trapping)
		return;
	if (is_ignored())
		set_own_action();
	if (vmsc_self.sigsys_blocked)
		change_mask(SIG_UNBLOCK, SIGSYS_BIT);
}

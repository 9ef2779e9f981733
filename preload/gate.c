/* SPDX-License-Identifier: MIT */
/*
 * gate.c - every captured system call comes through vmsc_gate(), on the program's stack, in any thread, in signal handlers,
 * in children. It decides whose the call is and who handles it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <linux/seccomp.h>
#include <linux/ioctl.h>
#include <linux/userfaultfd.h>

#include "arena.h"
#include "call.h"
#include "fdhooks.h"
#include "fdtable.h"
#include "finish.h"
#include "fork.h"
#include "gate.h"
#include "intrude.h"
#include "reach.h"
#include "sigsys.h"
#include "spare.h"
#include "stack.h"
#include "sys.h"
#include "trap.h"
#include "unwinder.h"
#include "writer.h"

#include "inject.h"

#define SET_VMA 0x53564d41 /* PR_SET_VMA */
#define SET_MDWE 65
#define SET_MEMORY_MERGE 67
#define MAP_VDSO_FIRST 0x2001 /* ARCH_MAP_VDSO_X32 and its two siblings */
#define MAP_VDSO_LAST 0x2003
#define SHSTK_ENABLE 0x5001
#define SET_DISPATCH 59 /* PR_SET_SYSCALL_USER_DISPATCH */

enum kind {
	KIND_NONE,
	KIND_VM, /* recorded as it comes */
	KIND_RANGE, /* the same, unless the range is ours */
	KIND_PRCTL, KIND_ARCH_PRCTL, KIND_IOCTL, KIND_LIMIT,
	KIND_CLOSE, KIND_CLOSE_RANGE, KIND_DUP, KIND_PIPE, KIND_SIGALTSTACK,
	KIND_FORK, KIND_EXEC, KIND_EXIT, KIND_KILL, KIND_SECCOMP, KIND_URING,
	KIND_SIGNAL, KIND_WAIT, /* only for capture in full, which needs SIGSYS */
};

const uint8_t vmsc_captured[VMSC_NR_CAPTURED] = {
	[SYS_mmap] = KIND_VM, [SYS_mprotect] = KIND_RANGE, [SYS_munmap] = KIND_RANGE, [SYS_brk] = KIND_VM,
	[SYS_mremap] = KIND_RANGE, [SYS_madvise] = KIND_RANGE, [SYS_shmat] = KIND_VM, [SYS_shmdt] = KIND_VM,
	[SYS_mlock] = KIND_RANGE, [SYS_mlock2] = KIND_RANGE, [SYS_munlock] = KIND_RANGE, [SYS_mlockall] = KIND_VM,
	[SYS_munlockall] = KIND_VM, [SYS_io_setup] = KIND_VM, [SYS_io_destroy] = KIND_VM,
	[SYS_remap_file_pages] = KIND_VM, [SYS_mbind] = KIND_VM, [450 /* set_mempolicy_home_node */] = KIND_VM,
	[SYS_pkey_mprotect] = KIND_RANGE, [SYS_pkey_alloc] = KIND_VM, [SYS_pkey_free] = KIND_VM,
	[SYS_process_madvise] = KIND_VM, [SYS_personality] = KIND_VM, [SYS_userfaultfd] = KIND_VM,
	[453 /* map_shadow_stack */] = KIND_VM, [462 /* mseal */] = KIND_VM,
	[SYS_prctl] = KIND_PRCTL, [SYS_arch_prctl] = KIND_ARCH_PRCTL, [SYS_ioctl] = KIND_IOCTL,
	[SYS_setrlimit] = KIND_VM, [SYS_prlimit64] = KIND_LIMIT,
	[SYS_close] = KIND_CLOSE, [SYS_close_range] = KIND_CLOSE_RANGE, [SYS_dup2] = KIND_DUP, [SYS_dup3] = KIND_DUP,
	[SYS_pipe2] = KIND_PIPE, [SYS_sigaltstack] = KIND_SIGALTSTACK,
	[SYS_clone] = KIND_FORK, [SYS_clone3] = KIND_FORK, [SYS_fork] = KIND_FORK, [SYS_vfork] = KIND_FORK,
	[SYS_execve] = KIND_EXEC, [SYS_execveat] = KIND_EXEC, [SYS_exit_group] = KIND_EXIT,
	[425 /* io_uring_setup */] = KIND_URING,
	[SYS_kill] = KIND_KILL, [SYS_tkill] = KIND_KILL, [SYS_tgkill] = KIND_KILL, [SYS_seccomp] = KIND_SECCOMP,
	[SYS_rt_sigaction] = KIND_SIGNAL, [SYS_rt_sigprocmask] = KIND_SIGNAL, [SYS_rt_sigpending] = KIND_SIGNAL,
	[SYS_rt_sigsuspend] = KIND_WAIT, [SYS_ppoll] = KIND_WAIT, [SYS_pselect6] = KIND_WAIT,
	[SYS_epoll_pwait] = KIND_WAIT, [441 /* epoll_pwait2 */] = KIND_WAIT, [333 /* io_pgetevents */] = KIND_WAIT,
	[426 /* io_uring_enter */] = KIND_WAIT, [SYS_rt_sigtimedwait] = KIND_WAIT,
};

__thread struct vmsc_thread vmsc_self __attribute__((tls_model("initial-exec")));

uint32_t vmsc_tid(void)
{
	if (vmsc_self.vfork || __atomic_load_n(&vmsc_rec.shares_thread_data, __ATOMIC_RELAXED))
		return sys_gettid();
	if (!vmsc_self.tid)
		vmsc_self.tid = sys_gettid();
	return vmsc_self.tid;
}

bool vmsc_gate_is_vm(uint32_t nr)
{
	enum kind kind = nr < VMSC_NR_CAPTURED ? vmsc_captured[nr] : KIND_NONE;

	return kind == KIND_VM || kind == KIND_RANGE;
}

bool vmsc_gate_is_signal(uint32_t nr)
{
	enum kind kind = nr < VMSC_NR_CAPTURED ? vmsc_captured[nr] : KIND_NONE;

	return kind == KIND_SIGNAL || kind == KIND_WAIT;
}

bool vmsc_gate_is_in_place(uint32_t nr)
{
	if (nr >= VMSC_NR_CAPTURED)
		return false;
	switch (vmsc_captured[nr]) {
	case KIND_WAIT:
	case KIND_KILL:
	case KIND_IOCTL:
		return true;
	default:
		return false;
	}
}

bool vmsc_gate_is_clone(uint32_t nr)
{
	return nr < VMSC_NR_CAPTURED && vmsc_captured[nr] == KIND_FORK;
}

static void take_args(uint64_t args[6], const struct vmsc_regs *regs)
{
	args[0] = regs->rdi;
	args[1] = regs->rsi;
	args[2] = regs->rdx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}

static bool is_prctl_recorded(uint64_t option)
{
	return option == SET_VMA || option == SET_MEMORY_MERGE || option == SET_MDWE || option == PR_SET_MM ||
	       option == PR_SET_THP_DISABLE;
}

static bool is_prctl_restricting(const uint64_t args[6])
{
	return (args[0] == PR_SET_SECCOMP && (args[1] != SECCOMP_MODE_FILTER || args[2])) ||
	       (args[0] == SET_DISPATCH && args[1]);
}

static bool is_clock_forbidden(const uint64_t args[6])
{
	return args[0] == PR_SET_TSC && args[1] == PR_TSC_SIGSEGV;
}

static bool is_arch_prctl_recorded(uint64_t code)
{
	return (code >= MAP_VDSO_FIRST && code <= MAP_VDSO_LAST) || code == SHSTK_ENABLE;
}

/* Calls of a captured number that are none of our business: most of them, of some numbers. */
static bool is_passed(uint32_t nr, const uint64_t args[6])
{
	switch (vmsc_captured[nr]) {
	case KIND_NONE:
		return true;
	case KIND_RANGE:
		return vmsc_arena_owns(args[0], args[0] + args[1]);
	case KIND_PRCTL:
		return !is_prctl_recorded(args[0]) && !is_prctl_restricting(args) && !is_clock_forbidden(args);
	case KIND_ARCH_PRCTL:
		return !is_arch_prctl_recorded(args[0]);
	case KIND_IOCTL:
		return args[1] != UFFDIO_REGISTER && args[1] != UFFDIO_UNREGISTER;
	case KIND_LIMIT:
		return !args[2] || (args[0] && args[0] != sys_getpid());
	case KIND_PIPE:
		return true;
	case KIND_KILL:
		return !vmsc_finish_is_fatal(nr, args);
	case KIND_EXEC:
	case KIND_EXIT:
		/* what a vfork child does not come back from must not be counted on its parent's thread */
		return vmsc_finish_is_foreign();
	default:
		return false;
	}
}

/* Without a filter, or with one too many, it is asked what the kernel knows: libseccomp does so before it begins. */
static bool is_seccomp_probe(const uint64_t args[6])
{
	switch (args[0]) {
	case SECCOMP_SET_MODE_STRICT:
		return args[1] || args[2];
	case SECCOMP_SET_MODE_FILTER:
		return !args[2];
	default:
		return true;
	}
}

/* A program that narrows what it may call would be killed for what we call; one that traps its calls would get ours. */
static long restrict_calls(uint32_t nr, const uint64_t args[6])
{
	bool is_probe = nr == SYS_prctl ? !args[1] : is_seccomp_probe(args);

	if (is_probe)
		return vmsc_call_raw(nr, args);
	if (nr == SYS_prctl && args[0] == SET_DISPATCH) {
		vmsc_finish_stop("the program traps its own system calls (Syscall User Dispatch)");
		vmsc_trap_yield();
	} else {
		vmsc_finish_stop("the program restricts its own system calls (seccomp)");
		vmsc_trap_end();
	}
	return vmsc_call_raw(nr, args);
}

static long signal_call(uint32_t nr, const uint64_t args[6])
{
	switch (nr) {
	case SYS_rt_sigaction:
		return vmsc_sigsys_action(args);
	case SYS_rt_sigprocmask:
		return vmsc_sigsys_mask(args, NULL);
	default:
		return vmsc_sigsys_pending(args);
	}
}

static long wait_call(uint32_t nr, const uint64_t args[6])
{
	uint64_t changed[6], copy[4];
	long ret;

	if (vmsc_sigsys_take(nr, args, &ret))
		return ret;
	memcpy(changed, args, sizeof(changed));
	vmsc_sigsys_edit_wait(nr, changed, copy);
	return vmsc_call_raw(nr, changed);
}

static long exec_with(uint32_t nr, const uint64_t args[6])
{
	long ret;

	vmsc_sigsys_before_exec();
	ret = vmsc_finish_is_foreign() ? vmsc_call_raw(nr, args) : vmsc_finish_exec(nr, args);
	vmsc_sigsys_after_exec();
	return ret;
}

static __attribute__((noinline)) long exec_without_library(uint32_t nr, const uint64_t args[6])
{
	struct vmsc_environment room;
	uint64_t changed[6];

	memcpy(changed, args, sizeof(changed));
	vmsc_reach_leave_library(nr, changed, &room);
	return exec_with(nr, changed);
}

static long exec(uint32_t nr, const uint64_t args[6])
{
	return vmsc_reach_before_exec(nr, args) ? exec_with(nr, args) : exec_without_library(nr, args);
}

/* Where a handler may run with little room is kept, for vmsc_stack_is_alternate(). */
static long set_altstack(const uint64_t args[6])
{
	long ret = vmsc_call_raw(SYS_sigaltstack, args);
	stack_t stack;

	if (ret || !args[0] || vmsc_self.vfork)
		return ret;
	memset(&stack, 0, sizeof(stack));
	sys3(SYS_sigaltstack, 0, (uintptr_t)&stack, 0);
	vmsc_stack_set_alternate(&stack);
	return ret;
}

static long handle(uint32_t nr, const uint64_t args[6])
{
	switch (vmsc_captured[nr]) {
	case KIND_CLOSE:
		return vmsc_fdhook_close(args);
	case KIND_CLOSE_RANGE:
		return vmsc_fdhook_close_range(args);
	case KIND_DUP:
		return vmsc_fdhook_dup(nr, args);
	case KIND_FORK:
		return vmsc_fork(nr, args);
	case KIND_EXEC:
		return exec(nr, args);
	case KIND_EXIT:
		return vmsc_finish_exit(nr, args);
	case KIND_KILL:
		return vmsc_finish_kill(nr, args);
	case KIND_SECCOMP:
		return restrict_calls(nr, args);
	case KIND_SIGALTSTACK:
		return set_altstack(args);
	case KIND_URING:
		vmsc_problem("the program uses io_uring, whose workers may call madvise: that is not recorded");
		return vmsc_call_raw(nr, args);
	case KIND_PRCTL:
		if (is_clock_forbidden(args))
			vmsc_sys_forget_clock();
		else if (is_prctl_restricting(args))
			return restrict_calls(nr, args);
		return is_prctl_recorded(args[0]) ? vmsc_call(nr, args) : vmsc_call_raw(nr, args);
	default:
		return vmsc_call(nr, args);
	}
}

/*
 * A handler may leave us for good by a jump (siglongjmp, cancellation). Then this thread comes back with a stack no deeper
 * than where we were, though it seems to be in our midst.
 */
static bool has_jumped_out(const struct vmsc_thread *self, uint64_t at)
{
	return self->depth && at >= self->top && vmsc_stack_is_alternate(at) == vmsc_stack_is_alternate(self->top);
}

static long enter(uint32_t nr, const uint64_t args[6], uint64_t at)
{
	struct vmsc_thread *self = &vmsc_self;
	uint64_t top = self->top;
	long ret;

	if (has_jumped_out(self, at)) {
		self->depth = 0;
		vmsc_unwinder_leave();
		vmsc_call_recover();
	}
	if (!self->depth++)
		self->top = at;
	if (vmsc_state() == VMSC_STATE_FORKED)
		vmsc_fork_child();
	ret = handle(nr, args);
	if (!--self->depth)
		self->top = top;
	return ret;
}

/* The loader maps a library's whole span first, anywhere, and its segments into that. */
static long loader_call(uint32_t nr, uint64_t args[6])
{
	if (nr == SYS_mmap && !args[0])
		args[0] = vmsc_arena_library(args[1]);
	return vmsc_call_raw(nr, args);
}

struct entering {
	uint32_t nr;
	const uint64_t *args;
	uint64_t at;
	long ret;
};

static void run_entering(void *data)
{
	struct entering *entering = data;

	entering->ret = enter(entering->nr, entering->args, entering->at);
}

/* What takes time and stack, and does nothing that has to do with signals. */
static bool is_work(uint32_t nr)
{
	switch (vmsc_captured[nr]) {
	case KIND_VM:
	case KIND_RANGE:
	case KIND_PRCTL:
	case KIND_ARCH_PRCTL:
	case KIND_IOCTL:
	case KIND_LIMIT:
	case KIND_FORK:
	case KIND_EXIT:
		return true;
	default:
		return false;
	}
}

/*
 * A handler that interrupts us would find the lock taken by its own thread, and its calls would lose their place in the
 * order: where there are handlers they wait until we are done.
 */
static long enter_undisturbed(uint32_t nr, const uint64_t args[6], uint64_t at)
{
	bool needs_room = is_work(nr) && vmsc_spare_is_wanted(at);
	const uint64_t all = needs_room ? ~UINT64_C(0) : ~UINT64_C(0) ^ UINT64_C(1) << (SIGSYS - 1);
	struct entering entering = { nr, args, at, 0 };
	uint64_t before = 0;

	if (!is_work(nr) || (!needs_room && !vmsc_sigsys_has_handlers()))
		return enter(nr, args, at);
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&all, (uintptr_t)&before, sizeof(all), 0, 0);
	if (needs_room)
		vmsc_spare_run(run_entering, &entering);
	else
		run_entering(&entering);
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&before, 0, sizeof(before), 0, 0);
	vmsc_sigsys_release();
	return entering.ret;
}

static bool has_memory(void)
{
	return vmsc_state() != VMSC_STATE_OFF && !vmsc_self.vfork;
}

static bool intrudes(uint32_t nr, const uint64_t args[6])
{
	return (has_memory() && vmsc_intrude_is(nr, args)) || vmsc_intrude_is_library(nr, args);
}

/* On the program's stack: ours may be what it takes. */
static long intrude(uint32_t nr, const uint64_t args[6])
{
	if (has_memory())
		vmsc_intrude_yield();
	return vmsc_intrude_call(nr, args);
}

static long pass_or_enter(uint32_t nr, const uint64_t args[6], uint64_t at)
{
	if (vmsc_captured[nr] == KIND_EXEC && (vmsc_finish_is_foreign() || vmsc_state() == VMSC_STATE_OFF))
		return exec(nr, args);
	if (intrudes(nr, args))
		return intrude(nr, args);
	if (vmsc_state() == VMSC_STATE_OFF || is_passed(nr, args))
		return vmsc_call_raw(nr, args);
	return enter_undisturbed(nr, args, at);
}

long vmsc_gate(struct vmsc_regs *regs)
{
	uint32_t nr = regs->rax;
	uint64_t args[6];

	take_args(args, regs);
	if (!vmsc_shared() || nr >= VMSC_NR_CAPTURED)
		return vmsc_call_raw(nr, args);
	if (vmsc_captured[nr] == KIND_SIGNAL)
		return signal_call(nr, args);
	if (vmsc_captured[nr] == KIND_WAIT)
		return wait_call(nr, args);
	if (vmsc_self.unwinding && vmsc_unwinder_is_call(regs))
		return vmsc_unwinder_call(nr, args);
	if (vmsc_rec.testing) {
		vmsc_rec.selftest++;
		return -ENOSYS;
	}
	if (vmsc_rec.loading)
		return loader_call(nr, args);
	return pass_or_enter(nr, args, (uintptr_t)regs);
}

long vmsc_gate_in_place(struct vmsc_regs *regs)
{
	uint64_t args[6], copy[4];
	uint32_t nr = regs->rax;
	long ret;

	take_args(args, regs);
	if (!vmsc_shared())
		return 0;
	if (vmsc_captured[nr] != KIND_WAIT) {
		if (vmsc_state() == VMSC_STATE_OFF || is_passed(nr, args))
			return 0;
		regs->rax = vmsc_gate(regs);
		return 1;
	}
	if (vmsc_sigsys_take(nr, args, &ret)) {
		regs->rax = ret;
		return 1;
	}
	if (!vmsc_sigsys_edit_wait(nr, args, copy))
		return 0;
	regs->rax = vmsc_call_raw(nr, args);
	return 1;
}

long vmsc_gate_plt(uint32_t nr, const uint64_t args[6], uint64_t caller, uint64_t frame)
{
	if (!vmsc_shared())
		return vmsc_call_raw(nr, args);
	if (vmsc_unwinder_is_return(caller))
		return vmsc_unwinder_call(nr, args);
	return pass_or_enter(nr, args, frame);
}

bool vmsc_gate_wants(uint32_t nr, const uint64_t args[6])
{
	if (nr >= VMSC_NR_CAPTURED || vmsc_captured[nr] == KIND_WAIT || vmsc_captured[nr] == KIND_SIGALTSTACK)
		return false;
	if (vmsc_captured[nr] == KIND_SIGNAL || vmsc_captured[nr] == KIND_EXEC)
		return true;
	return intrudes(nr, args) || (vmsc_state() != VMSC_STATE_OFF && !is_passed(nr, args));
}

/* What may end the program by a signal, or is inherited by its next image, needs the mask that the program has. */
static bool needs_mask(uint32_t nr)
{
	return vmsc_captured[nr] == KIND_EXEC || vmsc_captured[nr] == KIND_KILL;
}

long vmsc_gate_trap(uint32_t nr, const uint64_t args[6], uint64_t frame, const void *mask)
{
	struct entering entering = { nr, args, frame, 0 };
	uint64_t before = 0;
	long ret;

	if (vmsc_captured[nr] == KIND_SIGNAL)
		return signal_call(nr, args);
	if (intrudes(nr, args))
		return intrude(nr, args);
	if (!needs_mask(nr) && is_work(nr)) {
		vmsc_spare_run(run_entering, &entering);
		return entering.ret;
	}
	if (!needs_mask(nr))
		return pass_or_enter(nr, args, frame);
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)mask, (uintptr_t)&before, sizeof(before), 0, 0);
	ret = pass_or_enter(nr, args, frame);
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&before, 0, sizeof(before), 0, 0);
	return ret;
}

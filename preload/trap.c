/* SPDX-License-Identifier: MIT */
/*
 * trap.c - see trap.h.
 *
 * The handler runs with all signals blocked. A call that matters is made here, by the gate; any
 * other is sent back to be made by the door, with the program's own mask and stack and without a frame of
 * ours, so that it may block, be interrupted and be begun again as it would without us.
 */
#include "trap.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>
#include <asm/prctl.h>
#include <linux/audit.h>

#include "door.h"
#include "gate.h"
#include "recorder.h"
#include "sigsys.h"
#include "stack.h"
#include "sys.h"

#include "inject.h"

#define USER_DISPATCH 2 /* si_code SYS_USER_DISPATCH */
#define RED_ZONE 128
#define CLONE_VM_FLAG 0x100
#define CLONE_VFORK_FLAG 0x4000
#define CLONE_SETTLS_FLAG 0x80000

/* What was interrupted. */
struct trapped {
	ucontext_t *context;
	greg_t *regs;
	uint32_t nr;
	uint64_t args[6];
};

static uint32_t nr_traps = 0;

static void go_to(struct trapped *call, uint64_t offset)
{
	call->regs[REG_RIP] = vmsc_door_at(offset);
}

/* Only below the red zone of the interrupted function is the stack free. */
static uint64_t *push(struct trapped *call, unsigned int words)
{
	call->regs[REG_RSP] -= RED_ZONE + words * sizeof(uint64_t);
	return (uint64_t *)(uintptr_t)call->regs[REG_RSP];
}

static void pass(struct trapped *call, uint64_t by)
{
	*push(call, 1) = call->regs[REG_RIP];
	go_to(call, by);
}

/* With another mask than the program's: what the registers held is restored behind the call. */
static void pass_masked(struct trapped *call, const uint64_t args[6], const uint64_t *copy, uint32_t which)
{
	uint64_t *stack = push(call, 7 + VMSC_PASS_ROOM / sizeof(uint64_t));
	static const uint8_t registers[6] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };
	uint64_t *mask = stack + 7;

	for (int i = 0; i < 6; i++)
		stack[i] = call->regs[registers[i]];
	stack[6] = call->regs[REG_RIP];
	mask[0] = copy[0];
	mask[1] = (uintptr_t)mask;
	mask[2] = copy[2];
	mask[3] = copy[3];
	call->regs[registers[which]] = args[which] == (uintptr_t)copy ? (uintptr_t)mask : (uintptr_t)(mask + 1);
	go_to(call, VMSC_DOOR_PASS_MASKED);
}

static void wait_or_pass(struct trapped *call)
{
	uint64_t args[6], copy[4] = { 0 };
	bool by_structure;
	int which = vmsc_sigsys_wait_argument(call->nr, call->args, &by_structure);
	long ret;

	if (vmsc_sigsys_take(call->nr, call->args, &ret)) {
		call->regs[REG_RAX] = ret;
		return;
	}
	memcpy(args, call->args, sizeof(args));
	if (which >= 0 && vmsc_sigsys_edit_wait(call->nr, args, copy))
		pass_masked(call, args, copy, which);
	else
		pass(call, VMSC_DOOR_PASS);
}

/* Is there libc's thread data, and so ours, behind fs? Its first and third word point to itself. */
static bool has_thread_data(void)
{
	const uint64_t *base = NULL;

	if (sys3(SYS_arch_prctl, ARCH_GET_FS, (uintptr_t)&base, 0) || !base)
		return false;
	return base[0] == (uintptr_t)base && base[2] == (uintptr_t)base;
}

/* This thread runs on without traps: the instruction is executed again, and nobody will know. */
static void give_up(struct trapped *call, const char *why)
{
	vmsc_problem(why);
	vmsc_door_disarm();
	call->regs[REG_RIP] -= 2;
}

/* The clone slot for a site, made if there is still one; -1: none. */
static int clone_slot(uint64_t site)
{
	for (int i = 0; i < VMSC_NR_CLONE_SLOTS; i++) {
		uint64_t found = 0;

		if (__atomic_compare_exchange_n(&vmsc_clone_return[i], &found, site, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST) ||
		    found == site)
			return i;
	}
	return -1;
}

static uint64_t clone_flags(const struct trapped *call, uint64_t *stack)
{
	uint64_t head[6] = { 0 };

	*stack = call->args[1];
	if (call->nr == SYS_clone)
		return call->args[0];
	*stack = 0;
	if (call->nr != SYS_clone3)
		return call->nr == SYS_vfork ? CLONE_VFORK_FLAG | CLONE_VM_FLAG : 0;
	vmsc_sys_peek(head, call->args[0], sizeof(head));
	*stack = head[5];
	return head[0];
}

/* A child that shares the memory, or has a stack of its own, can't come back through this handler. */
static bool clone_by_slot(struct trapped *call)
{
	uint64_t stack, flags = clone_flags(call, &stack);
	int slot;

	if (!(flags & (CLONE_VM_FLAG | CLONE_VFORK_FLAG)) && !stack)
		return false;
	if (flags & CLONE_VM_FLAG && !(flags & (CLONE_VFORK_FLAG | CLONE_SETTLS_FLAG)))
		__atomic_store_n(&vmsc_rec.shares_thread_data, true, __ATOMIC_RELAXED);
	slot = clone_slot(call->regs[REG_RIP]);
	if (slot < 0)
		give_up(call, "too many places that call clone: a thread's calls from outside libc are no "
			      "more seen");
	else
		call->regs[REG_RIP] = (uintptr_t)vmsc_clone_slots + slot * VMSC_CLONE_SLOT_SIZE + VMSC_CLONE_SLOT_SITE;
	return true;
}

/*
 * The program's own way back from a signal handler; or libc's, when the handler blocked SIGSYS in its frame.
 * (What it unblocks there can't be told from what was never blocked.)
 */
static void return_from_handler(struct trapped *call)
{
	ucontext_t *frame = (void *)(uintptr_t)call->regs[REG_RSP];

	if (sigismember(&frame->uc_sigmask, SIGSYS))
		vmsc_self.sigsys_blocked = 1;
	sigdelset(&frame->uc_sigmask, SIGSYS);
	call->regs[REG_RIP] = vmsc_door_restorer();
}

/* Not from here, which may be that stack. It will hardly fail. */
static void set_altstack(struct trapped *call)
{
	stack_t stack;

	if (call->args[0] && vmsc_sys_peek(&stack, call->args[0], sizeof(stack)) == sizeof(stack))
		vmsc_stack_set_alternate(&stack);
	pass(call, VMSC_DOOR_PASS);
}

static void dispatch(struct trapped *call)
{
	if (call->nr == SYS_rt_sigreturn) {
		return_from_handler(call);
		return;
	}
	if (vmsc_gate_is_clone(call->nr) && clone_by_slot(call))
		return;
	if (call->nr == SYS_rt_sigprocmask)
		call->regs[REG_RAX] = vmsc_sigsys_mask(call->args, call->context);
	else if (vmsc_gate_wants(call->nr, call->args))
		call->regs[REG_RAX] =
			vmsc_gate_trap(call->nr, call->args, (uintptr_t)call->context, &call->context->uc_sigmask);
	else if (call->nr == SYS_sigaltstack)
		set_altstack(call);
	else
		wait_or_pass(call);
}

/*
 * A SIGSYS that was sent to this thread and not yet delivered takes the place of a trap's: the call was not
 * made, and only the registers tell. Behind a call that was made rcx is not the return address, which the
 * instruction puts there.
 */
static bool is_trap_lost(const greg_t *regs)
{
	uint64_t next = regs[REG_RIP];
	const unsigned char *call = (const void *)(uintptr_t)(next - 2);

	if ((uint64_t)regs[REG_RCX] != next || next - 2 - vmsc_dispatch.start < vmsc_dispatch.size)
		return false;
	return vmsc_dispatch.on && call[0] == 0x0f && call[1] == 0x05;
}

static void handle(int signal, siginfo_t *info, void *data)
{
	ucontext_t *context = data;
	greg_t *regs = context->uc_mcontext.gregs;
	struct trapped call = { context,
				regs,
				regs[REG_RAX],
				{
					regs[REG_RDI],
					regs[REG_RSI],
					regs[REG_RDX],
					regs[REG_R10],
					regs[REG_R8],
					regs[REG_R9],
				} };

	(void)signal;
	if (info->si_code != USER_DISPATCH || (vmsc_rec.yielded && vmsc_self.dispatches)) {
		if (info->si_code != USER_DISPATCH && is_trap_lost(regs))
			regs[REG_RIP] -= 2;
		vmsc_sigsys_deliver(info, context);
		return;
	}
	__atomic_fetch_add(&nr_traps, 1, __ATOMIC_RELAXED);
	if (info->si_arch != AUDIT_ARCH_X86_64) {
		vmsc_problem("the program makes 32-bit system calls (int $0x80), which are not recorded");
		pass(&call, VMSC_DOOR_PASS_OLD);
	} else if (!has_thread_data()) {
		give_up(&call, "a thread has no thread data of libc's: its calls from outside libc are not seen");
	} else {
		vmsc_self.careful++;
		vmsc_sigsys_know(*(const uint64_t *)(const void *)&context->uc_sigmask);
		regs[REG_RCX] = 0;
		dispatch(&call);
		vmsc_self.careful--;
		vmsc_sigsys_release();
	}
}

/* A call from here, which is outside of any range. */
static __attribute__((noinline)) long call_outside(void)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(SYS_getpid) : "rcx", "r11", "memory");
	return ret;
}

bool vmsc_trap_prepare(void)
{
	bool is_right;

	if (!vmsc_door_arm())
		return false;
	vmsc_door_disarm();
	vmsc_rec.trapping = vmsc_sigsys_begin(handle);
	if (!vmsc_rec.trapping)
		return false;
	vmsc_door_arm();
	is_right = call_outside() == sys_getpid() && nr_traps == 1;
	vmsc_sys_prove_clock(&nr_traps);
	vmsc_door_disarm();
	return is_right;
}

void vmsc_trap_begin(void)
{
	vmsc_dispatch.on = 1;
	vmsc_door_arm();
}

void vmsc_trap_child(void)
{
	if (vmsc_dispatch.on)
		vmsc_door_arm();
}

void vmsc_trap_end(void)
{
	if (vmsc_dispatch.on)
		vmsc_door_disarm();
}

void vmsc_trap_yield(void)
{
	vmsc_trap_end();
	vmsc_dispatch.on = 0;
	vmsc_self.dispatches = 1;
	vmsc_rec.yielded = true;
}

/* SPDX-License-Identifier: MIT */
/*
 * slots.h - where patched sites land. A site "mov $NR,%eax; syscall" has its first five bytes replaced by a jump to a
 * slot; the slot calls vmsc_gate() with the registers and goes back behind the syscall instruction.
 */
#ifndef VMSC_SLOTS_H
#define VMSC_SLOTS_H

#define VMSC_NR_SLOTS 128 /* ordinary sites */
#define VMSC_NR_CLONE_SLOTS 16 /* clone, clone3, vfork: may have to run in place */
#define VMSC_SLOT_SIZE 128
#define VMSC_CLONE_SLOT_SIZE 256
#define VMSC_CLONE_SLOT_SITE 16 /* into a clone slot: its number in rax already */
#define VMSC_NR_WAIT_SLOTS 32 /* calls that are mostly made in place: with a signal mask, kill, ioctl */
#define VMSC_WAIT_SLOT_SIZE 128
#define VMSC_NR_DYNAMIC_SLOTS 16 /* sites whose number is not known before they are reached */
#define VMSC_DYNAMIC_SLOT_SIZE 256
#define VMSC_PASS_ROOM 32 /* bytes for a mask of ours, see trap.c */
#define VMSC_NR_CAPTURED 512 /* system-call numbers that can be asked for */

#ifndef __ASSEMBLER__

#include <stdint.h>

/* What vm_common of slots.S pushes, lowest address first. */
struct vmsc_regs {
	uint64_t rax, rdi, rsi, rdx, r10, r8, r9;
	uint64_t rbx, r12, r13, r14, r15;
	uint64_t rbp;
	uint64_t slot; /* return address into the slot */
};

/* Bytes from the end of struct vmsc_regs to the stack pointer that the site had. */
#define VMSC_SITE_STACK 152

/* Of the thread; a vfork child shares its parent's. Zero in a fresh thread. */
struct vmsc_thread {
	uint32_t vfork; /* >0: a vfork child is running on this thread's data; slots.S counts here: first field */
	uint32_t depth; /* of vmsc_gate: >1 is a signal handler in the midst of our work, or the unwinder's own call */
	uint32_t tid; /* kept, 0: not asked yet */
	uint32_t unwinding;
	uint32_t prepared; /* for the unwinder */
	uint64_t top; /* where the stack was at depth 1 */
	uint64_t alternate_start, alternate_size; /* of the signal stack, as last set */
	uint64_t stack_start, stack_end; /* of its own stack; 0: not looked for yet */
	uint32_t dispatches; /* its traps are the program's own */
	uint32_t sigsys_known; /* how it began: vmsc_sigsys_know() */
	uint32_t sigsys_blocked; /* as the program sees it, see sigsys.h */
	uint32_t sigsys_held; /* one came while it was blocked; it is in sigsys_info */
	uint8_t sigsys_info[128];
	uint32_t careful; /* >0: a trap would now be the end, so none of the vdso's functions is called */
};

extern __thread struct vmsc_thread vmsc_self;

extern const char vmsc_slots[], vmsc_clone_slots[], vmsc_wait_slots[], vmsc_dynamic_slots[], vmsc_syscall_slot[], vmsc_exit_slot[],
	vmsc_handler_slot[];
extern const char vmsc_home_door[];
extern uint64_t vmsc_slot_return[VMSC_NR_SLOTS], vmsc_slot_number[VMSC_NR_SLOTS];
extern uint64_t vmsc_clone_return[VMSC_NR_CLONE_SLOTS + 1], vmsc_clone_number[VMSC_NR_CLONE_SLOTS];
extern uint64_t vmsc_wait_return[VMSC_NR_WAIT_SLOTS], vmsc_wait_number[VMSC_NR_WAIT_SLOTS];
extern uint64_t vmsc_dynamic_return[VMSC_NR_DYNAMIC_SLOTS];
extern uint64_t vmsc_exit_return;
extern uint64_t vmsc_handler_return; /* libc's rt_sigreturn instruction */
extern uint64_t vmsc_way; /* the instruction by which sys6() calls */
extern uint64_t vmsc_door; /* struct door.h */
extern const uint8_t vmsc_captured[VMSC_NR_CAPTURED]; /* not 0: the gate wants it */

/* Everything captured comes here. Returns what the program shall see in rax. */
long vmsc_gate(struct vmsc_regs *regs);

/*
 * A wait with a signal mask, a kill, an ioctl: whoever looks at frames in a handler that interrupts it shall find none of ours.
 * 0: to be made in place; otherwise it was made, and its result is in regs->rax.
 */
long vmsc_gate_in_place(struct vmsc_regs *regs);

#endif
#endif

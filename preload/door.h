/* SPDX-License-Identifier: MIT */
/*
 * door.h - the system-call instructions that are ours. With capture in full, every such instruction outside
 * one range of addresses traps; so ours have to lie inside it: in libc's text, whose own calls need not trap,
 * since those that matter are patched. The door is a block of instructions in slots.S, copied to the unused
 * end of libc's last page of text. Where that can't be, it is used where it was assembled, and libc's other
 * calls trap like the program's.
 */
#ifndef VMSC_DOOR_H
#define VMSC_DOOR_H

#define VMSC_DOOR_RETURN 0 /* rt_sigreturn, as unwinders and debuggers want to see it */
#define VMSC_DOOR_CALL 16 /* syscall; ret */
#define VMSC_DOOR_PASS 24 /* syscall; back to the site whose address is on the stack */
#define VMSC_DOOR_PASS_OLD 32 /* int $0x80; the same */
#define VMSC_DOOR_PASS_MASKED 40 /* syscall; the same, with registers restored that were changed for it */
#define VMSC_DOOR_CLONES 64 /* two for each clone slot: syscall; to what comes after it, with and without CLONE_VFORK */
#define VMSC_DOOR_CELL 8
#define VMSC_DOOR_SIZE (VMSC_DOOR_CLONES + 2 * VMSC_DOOR_CELL * (VMSC_NR_CLONE_SLOTS + 1))

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

/* How traps are set: calls from [start, start + size) pass. */
struct vmsc_dispatch {
	uint64_t start, size;
	uint32_t on;
};

extern struct vmsc_dispatch vmsc_dispatch;

/* Chooses the range and makes the door in it. @complete: all sites of libc that matter are patched. */
void vmsc_door_build(bool complete);

/* Where the instructions at @offset (VMSC_DOOR_…) of the door are. */
uint64_t vmsc_door_at(uint64_t offset);

/* Do libc's calls trap, too, and so those that we make by libc's functions? */
bool vmsc_door_is_narrow(void);

/* Where a handler's frame returns to. */
uint64_t vmsc_door_restorer(void);

/* From here on this thread's calls from outside the range trap. False: the kernel can't. */
bool vmsc_door_arm(void);
void vmsc_door_disarm(void);

/* A child on our memory that runs entry(arg) on another stack; returns when it has exec'ed or ended. */
long vmsc_door_spawn(void *stack_top, void (*entry)(void *), void *arg);

#endif
#endif

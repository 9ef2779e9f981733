/* SPDX-License-Identifier: MIT */
/*
 * slots.S - the assembled ends of patched system-call sites.
 *
 * A slot is entered by a jump, with the program's registers and stack; rcx and r11 are free, as a system call would have
 * overwritten them. It makes a frame below the red zone whose return address lies where every unwinder expects it, at
 * CFA-8. That word may be red zone of the site's function: it is kept in the frame and put back.
 */
#include "slots.h"
#include "door.h"

	.section .note.GNU-stack,"",@progbits

	.data
	.balign 64
	.globl vmsc_slot_return, vmsc_slot_number, vmsc_clone_return, vmsc_clone_number
	.globl vmsc_wait_return, vmsc_wait_number, vmsc_exit_return, vmsc_dynamic_return
	.globl vmsc_handler_return
	.globl vmsc_way, vmsc_door, vmsc_dispatch
	.hidden vmsc_slot_return, vmsc_slot_number, vmsc_clone_return, vmsc_clone_number
	.hidden vmsc_wait_return, vmsc_wait_number, vmsc_exit_return, vmsc_dynamic_return
	.hidden vmsc_handler_return
	.hidden vmsc_way, vmsc_door, vmsc_dispatch
vmsc_slot_return:	.fill VMSC_NR_SLOTS, 8, 0
vmsc_slot_number:	.fill VMSC_NR_SLOTS, 8, 0
vmsc_clone_return:	.fill VMSC_NR_CLONE_SLOTS + 1, 8, 0
vmsc_clone_number:	.fill VMSC_NR_CLONE_SLOTS, 8, 0
vmsc_wait_return:	.fill VMSC_NR_WAIT_SLOTS, 8, 0
vmsc_wait_number:	.fill VMSC_NR_WAIT_SLOTS, 8, 0
vmsc_dynamic_return:	.fill VMSC_NR_DYNAMIC_SLOTS, 8, 0
vmsc_exit_return:	.quad 0
vmsc_handler_return:	.quad 0
vmsc_way:		.quad vmsc_home_door + VMSC_DOOR_CALL
vmsc_door:		.quad vmsc_home_door
vmsc_dispatch:		.quad 0, 0, 0		/* struct vmsc_dispatch */

	.text

#define FRAME 152
#define RETURN_AT 144
#define RED_ZONE 128
#define FRAME_MASK 296					/* of uc_sigmask in struct ucontext */
#define SIGSYS_BIT 0x40000000
#define SYSCALL_FUNCTION (8 * VMSC_NR_CLONE_SLOTS)	/* libc's syscall() is the last of the clone sites */

	.macro begin_site
	.cfi_startproc simple
	.cfi_def_cfa rsp, 0
	.cfi_undefined rip
	.endm

	.macro make_frame return
	mov \return(%rip), %rcx
	.cfi_register rip, rcx
	lea -FRAME(%rsp), %rsp
	.cfi_def_cfa_offset FRAME
	mov RETURN_AT(%rsp), %r11
	mov %r11, (%rsp)
	mov %rcx, RETURN_AT(%rsp)
	.cfi_offset rip, -8
	.endm

	/* Through the gate; the system-call number is in rax. */
	.macro capture return
	.cfi_remember_state
	make_frame \return
	call vm_common
	mov (%rsp), %r11
	mov \return(%rip), %rcx
	.cfi_register rip, rcx
	mov %r11, RETURN_AT(%rsp)
	lea FRAME(%rsp), %rsp
	.cfi_def_cfa_offset 0
	notrack jmp *%rcx
	.cfi_restore_state
	.endm

	/* As if nothing had been patched: the site's own instruction is still there. */
	.macro in_place return
	mov \return(%rip), %rcx
	sub $2, %rcx
	notrack jmp *%rcx
	.endm

	/* The gate makes the call, or says that it is to be made in place. The number is in rax. */
	.macro capture_in_place return
	make_frame \return
	call vm_wait
	mov (%rsp), %r11
	xchg %r11, RETURN_AT(%rsp)
	lea FRAME(%rsp), %rsp
	.cfi_def_cfa_offset 0
	.cfi_register rip, r11
	test %rax, %rax
	mov %rcx, %rax			/* the result, or the number again */
	jnz 1f
	sub $2, %r11
1:	notrack jmp *%r11
	.endm

	/* To one of the door's two cells for clone site \i. */
	.macro through_door i, which
	mov vmsc_door(%rip), %r11
	add $VMSC_DOOR_CLONES + VMSC_DOOR_CELL * (2 * \i + \which), %r11
	notrack jmp *%r11
	.endm

	/*
	 * clone, clone3 or vfork in eax. Children that share the memory come back on another stack, or on this one before
	 * their parent does: no frame may lie there. Those are not captured. A vfork child is marked: it runs on this
	 * thread's data until it execs or ends.
	 */
	.macro clone_site i
	cmp $58, %eax
	je 13f
	cmp $56, %eax
	jne 11f
	test $0x4000, %edi		/* CLONE_VFORK */
	jnz 13f
	test $0x100, %edi		/* CLONE_VM */
	jnz 12f
	test %rsi, %rsi			/* a stack of its own */
	jnz 12f
	jmp 14f
11:	testl $0x4000, (%rdi)
	jnz 13f
	testl $0x100, (%rdi)
	jnz 12f
	cmpq $0, 40(%rdi)
	je 14f
12:	through_door \i, 0
13:	mov vmsc_self@gottpoff(%rip), %rcx
	incl %fs:(%rcx)
	through_door \i, 1
14:	capture vmsc_clone_return+8*\i
	.endm

	/* Register \number of an interrupted context is saved at \offset of it (DW_CFA_expression, DW_OP_breg7). */
	.macro frame_register number, offset
	.cfi_escape 0x10, \number, 3, 0x77, 0x80 | (\offset & 0x7f), \offset >> 7
	.endm

	.balign 128
	.globl vmsc_slots
	.hidden vmsc_slots
vmsc_slots:
	.set i, 0
	.rept VMSC_NR_SLOTS
	.balign VMSC_SLOT_SIZE
	begin_site
	mov vmsc_slot_number + 8 * i(%rip), %eax
	capture vmsc_slot_return+8*i
	.cfi_endproc
	.set i, i + 1
	.endr

	.balign VMSC_CLONE_SLOT_SIZE
	.globl vmsc_clone_slots
	.hidden vmsc_clone_slots
vmsc_clone_slots:
	.set i, 0
	.rept VMSC_NR_CLONE_SLOTS
	.balign VMSC_CLONE_SLOT_SIZE
	begin_site
	mov vmsc_clone_number + 8 * i(%rip), %eax
	.balign VMSC_CLONE_SLOT_SITE
	clone_site i
	.cfi_endproc
	.set i, i + 1
	.endr

	/* libc's syscall(): the number comes in rax, the displaced instruction fetched the sixth argument. */
	.balign 128
	.globl vmsc_syscall_slot
	.hidden vmsc_syscall_slot
vmsc_syscall_slot:
	begin_site
	mov 8(%rsp), %r9
	cmp $VMSC_NR_CAPTURED, %rax
	jae 1f
	lea vmsc_captured(%rip), %rcx
	cmpb $0, (%rcx, %rax)
	jne 2f
1:	in_place vmsc_clone_return+SYSCALL_FUNCTION
2:	cmp $58, %eax
	je 3f
	cmp $56, %eax
	je 3f
	cmp $435, %eax
	je 3f
	capture vmsc_clone_return+SYSCALL_FUNCTION
3:	clone_site VMSC_NR_CLONE_SLOTS
	.cfi_endproc

	/*
	 * A wait with a signal mask of its own, a kill, an ioctl. Nearly always it is made in place, where a cancelled thread's
	 * unwinder and whoever else looks at it finds what it expects; else vmsc_gate_in_place() has made it.
	 */
	.balign VMSC_WAIT_SLOT_SIZE
	.globl vmsc_wait_slots
	.hidden vmsc_wait_slots
vmsc_wait_slots:
	.set i, 0
	.rept VMSC_NR_WAIT_SLOTS
	.balign VMSC_WAIT_SLOT_SIZE
	begin_site
	mov vmsc_wait_number + 8 * i(%rip), %eax
	capture_in_place vmsc_wait_return+8*i
	.cfi_endproc
	.set i, i + 1
	.endr

	/* The number is in rax. What may make a child on this stack is none of these: in place, unseen. */
	.balign VMSC_DYNAMIC_SLOT_SIZE
	.globl vmsc_dynamic_slots
	.hidden vmsc_dynamic_slots
vmsc_dynamic_slots:
	.set i, 0
	.rept VMSC_NR_DYNAMIC_SLOTS
	.balign VMSC_DYNAMIC_SLOT_SIZE
	begin_site
	cmp $VMSC_NR_CAPTURED, %rax
	jae 3f
	lea vmsc_captured(%rip), %rcx
	cmpb $0, (%rcx, %rax)
	je 3f
	cmp $56, %eax
	je 3f
	cmp $58, %eax
	je 3f
	cmp $435, %eax
	jne 4f
3:	in_place vmsc_dynamic_return+8*i
4:	capture_in_place vmsc_dynamic_return+8*i
	.cfi_endproc
	.set i, i + 1
	.endr

	/* The first instruction of libc's _exit(), whose own instructions do not have the pattern. */
	.balign 128
	.globl vmsc_exit_slot
	.hidden vmsc_exit_slot
vmsc_exit_slot:
	begin_site
	mov $231, %eax
	capture vmsc_exit_return
	.cfi_endproc

	/*
	 * libc's way back from a signal handler. A handler may have put SIGSYS into its frame's mask: then the call is made
	 * from here, where it traps, and the trap mends the mask. The stack pointer is at the kernel's struct ucontext.
	 */
	.balign 128
	.globl vmsc_handler_slot
	.hidden vmsc_handler_slot
vmsc_handler_slot:
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_escape 0x0f, 4, 0x77, 0xa0, 0x01, 0x06	/* CFA: *(rsp + 160) */
	frame_register 8, 40
	frame_register 9, 48
	frame_register 10, 56
	frame_register 11, 64
	frame_register 12, 72
	frame_register 13, 80
	frame_register 14, 88
	frame_register 15, 96
	frame_register 5, 104
	frame_register 4, 112
	frame_register 6, 120
	frame_register 3, 128
	frame_register 1, 136
	frame_register 0, 144
	frame_register 2, 152
	frame_register 7, 160
	frame_register 16, 168
	mov $15, %eax
	testl $SIGSYS_BIT, FRAME_MASK(%rsp)
	jnz 2f
1:	notrack jmp *vmsc_handler_return(%rip)
2:	cmpl $0, vmsc_dispatch+16(%rip)
	je 1b
	syscall
	.cfi_endproc

	/*
	 * Keeps every register that a system call keeps, the vector ones too: compilers may hold values in them across an
	 * inlined system call. vm_wait returns what \function does, and in rcx what it left in the registers' rax.
	 */
	.macro common function
	.cfi_startproc
	push %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	mov %rsp, %rbp
	.cfi_def_cfa_register rbp
	push %r15
	push %r14
	push %r13
	push %r12
	push %rbx
	push %r9
	push %r8
	push %r10
	push %rdx
	push %rsi
	push %rdi
	push %rax
	mov %rsp, %rdi
	and $-64, %rsp
	sub $256, %rsp
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps %xmm\n, 16 * \n(%rsp)
	.endr
	cld
	call \function
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps 16 * \n(%rsp), %xmm\n
	.endr
	lea -96(%rbp), %rsp
	pop %rcx
	pop %rdi
	pop %rsi
	pop %rdx
	pop %r10
	pop %r8
	pop %r9
	lea (%rbp), %rsp		/* the others are callee-saved: the gate kept them */
	pop %rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.endm

	.balign 64
vm_common:
	common vmsc_gate

	.balign 64
vm_wait:
	common vmsc_gate_in_place

	/* long sys6(nr, six arguments): the door's instruction returns to the caller. */
	.balign 64
	.globl sys6
	.hidden sys6
sys6:
	.cfi_startproc
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	notrack jmp *vmsc_way(%rip)
	.cfi_endproc

	/* void vmsc_spare_switch(run, data, top): unwinders find the way back by rbp. */
	.balign 64
	.globl vmsc_spare_switch
	.hidden vmsc_spare_switch
vmsc_spare_switch:
	.cfi_startproc
	push %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	mov %rsp, %rbp
	.cfi_def_cfa_register rbp
	mov %rdx, %rsp
	mov %rdi, %rax
	mov %rsi, %rdi
	call *%rax
	mov %rbp, %rsp
	pop %rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc

	/* long vmsc_door_spawn(stack_top, entry, arg): the child's stack begins with where the door returns to. */
	.globl vmsc_door_spawn
	.hidden vmsc_door_spawn
vmsc_door_spawn:
	.cfi_startproc
	mov %rsi, %r8
	mov %rdx, %r9
	lea -32(%rdi), %rsi
	lea 1f(%rip), %rax
	mov %rax, (%rsi)
	mov $0x4100, %edi		/* CLONE_VM | CLONE_VFORK */
	xor %edx, %edx
	xor %r10d, %r10d
	mov $56, %eax
	notrack jmp *vmsc_way(%rip)
	.cfi_endproc
	begin_site
1:	xor %ebp, %ebp
	lea -8(%rsp), %rsp
	mov %r9, %rdi
	call *%r8
	hlt
	.cfi_endproc

	/* What follows the door's cells: see door.h. All are position-dependent only in the jumps' distances. */
	.balign 64
	begin_site
	/* The address not in rcx: see is_trap_lost() of trap.c. */
vmsc_pass_exit:
	pop %r11
	mov $0, %ecx
	lea RED_ZONE(%rsp), %rsp
	notrack jmp *%r11
vmsc_pass_masked_exit:
	pop %rdi
	pop %rsi
	pop %rdx
	pop %r10
	pop %r8
	pop %r9
	pop %r11
	mov $0, %ecx
	lea VMSC_PASS_ROOM + RED_ZONE(%rsp), %rsp
	notrack jmp *%r11
	.cfi_endproc

	/* A child on a stack of its own, or with a copy of ours: the kernel has switched its traps off. */
	.balign 64
arm_child:
	.cfi_startproc
	cmpl $0, vmsc_dispatch+16(%rip)
	je 1f
	push %rdi
	push %rsi
	push %rdx
	push %r10
	push %r8
	push %rax
	mov $157, %eax			/* prctl */
	mov $59, %edi			/* PR_SET_SYSCALL_USER_DISPATCH */
	mov $1, %esi
	mov vmsc_dispatch(%rip), %rdx
	mov vmsc_dispatch+8(%rip), %r10
	xor %r8d, %r8d
	syscall
	pop %rax
	pop %r8
	pop %r10
	pop %rdx
	pop %rsi
	pop %rdi
1:	ret
	.cfi_endproc

	.balign 32
	begin_site
clone_posts:
	.set i, 0
	.rept VMSC_NR_CLONE_SLOTS + 1
	.balign 64
	test %rax, %rax
	jnz 1f
	lea -RED_ZONE(%rsp), %rsp
	call arm_child
	lea RED_ZONE(%rsp), %rsp
1:	notrack jmp *vmsc_clone_return + 8 * i(%rip)
	.balign 32
	test %rax, %rax
	jz 1f
	mov vmsc_self@gottpoff(%rip), %rcx
	decl %fs:(%rcx)
1:	notrack jmp *vmsc_clone_return + 8 * i(%rip)
	.set i, i + 1
	.endr
	.cfi_endproc

	.macro jump target
	.byte 0xe9
	.long \target - 1f
1:
	.endm

	.balign 64
	nop
	.balign 64
	.globl vmsc_home_door
	.hidden vmsc_home_door
vmsc_home_door:
	mov $15, %rax			/* VMSC_DOOR_RETURN */
	syscall
	.balign 16, 0xcc
	begin_site
	.cfi_def_cfa rsp, 8
	.cfi_offset rip, -8
	syscall				/* VMSC_DOOR_CALL */
	ret
	.cfi_endproc
	.balign VMSC_DOOR_CELL, 0xcc
	syscall				/* VMSC_DOOR_PASS */
	jump vmsc_pass_exit
	.balign VMSC_DOOR_CELL, 0xcc
	int $0x80			/* VMSC_DOOR_PASS_OLD */
	jump vmsc_pass_exit
	.balign VMSC_DOOR_CELL, 0xcc
	syscall				/* VMSC_DOOR_PASS_MASKED */
	jump vmsc_pass_masked_exit
	.balign 64, 0xcc
	.set i, 0
	.rept 2 * (VMSC_NR_CLONE_SLOTS + 1)
	syscall
	jump clone_posts+32*i
	.balign VMSC_DOOR_CELL, 0xcc
	.set i, i + 1
	.endr

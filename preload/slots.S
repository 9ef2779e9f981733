/* SPDX-License-Identifier: MIT */
/*
 * slots.S - the assembled ends of patched system-call sites.
 *
 * A slot is entered by a jump, with the program's registers and stack; rcx and r11 are free, as a system call would have
 * overwritten them. It makes a frame below the red zone whose return address lies where every unwinder expects it, at
 * CFA-8. That word may be red zone of the site's function: it is kept in the frame and put back.
 */
#include "slots.h"

	.section .note.GNU-stack,"",@progbits

	.data
	.balign 64
	.globl vmsc_slot_return, vmsc_slot_number, vmsc_clone_return, vmsc_clone_number
	.globl vmsc_syscall_return, vmsc_exit_return
	.hidden vmsc_slot_return, vmsc_slot_number, vmsc_clone_return, vmsc_clone_number
	.hidden vmsc_syscall_return, vmsc_exit_return
vmsc_slot_return:	.fill VMSC_NR_SLOTS, 8, 0
vmsc_slot_number:	.fill VMSC_NR_SLOTS, 8, 0
vmsc_clone_return:	.fill VMSC_NR_CLONE_SLOTS, 8, 0
vmsc_clone_number:	.fill VMSC_NR_CLONE_SLOTS, 8, 0
vmsc_syscall_return:	.quad 0
vmsc_exit_return:	.quad 0

	.text

#define FRAME 152
#define RETURN_AT 144

	.macro begin_site
	.cfi_startproc simple
	.cfi_def_cfa rsp, 0
	.cfi_undefined rip
	.endm

	/* Through the gate; the system-call number is in rax. */
	.macro capture return
	mov \return(%rip), %rcx
	.cfi_remember_state
	.cfi_register rip, rcx
	lea -FRAME(%rsp), %rsp
	.cfi_def_cfa_offset FRAME
	mov RETURN_AT(%rsp), %r11
	mov %r11, (%rsp)
	mov %rcx, RETURN_AT(%rsp)
	.cfi_offset rip, -8
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

	/* As if nothing had been patched. */
	.macro in_place return
	syscall
	notrack jmp *\return(%rip)
	.endm

	/* In place, with the child marked that runs on this thread's data until it execs or ends. */
	.macro in_place_vfork return
	mov vmsc_self@gottpoff(%rip), %rcx
	incl %fs:(%rcx)
	syscall
	test %rax, %rax
	jz 98f
	mov vmsc_self@gottpoff(%rip), %rcx
	decl %fs:(%rcx)
98:	notrack jmp *\return(%rip)
	.endm

	/*
	 * clone, clone3 or vfork in eax. Children that share the memory come back on another stack, or on this one before
	 * their parent does: no frame may lie there. Those are not captured.
	 */
	.macro clone_site return
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
12:	in_place \return
13:	in_place_vfork \return
14:	capture \return
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
	clone_site vmsc_clone_return+8*i
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
1:	in_place vmsc_syscall_return
2:	cmp $58, %eax
	je 3f
	cmp $56, %eax
	je 3f
	cmp $435, %eax
	je 3f
	capture vmsc_syscall_return
3:	clone_site vmsc_syscall_return
	.cfi_endproc

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
	 * Keeps every register that a system call keeps, the vector ones too: compilers may hold values in them across an
	 * inlined system call.
	 */
	.balign 64
vm_common:
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
	call vmsc_gate
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps 16 * \n(%rsp), %xmm\n
	.endr
	lea -88(%rbp), %rsp
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

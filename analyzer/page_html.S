/* SPDX-License-Identifier: MIT */
/* The page's own text, as it lies beside this file. */
	.section .rodata
	.globl vmsc_page_begin, vmsc_page_end
	.hidden vmsc_page_begin, vmsc_page_end
vmsc_page_begin:
	.incbin VMSC_PAGE_HTML
vmsc_page_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * names.h - the words for numbers: system calls and their arguments, errno, flags.
 */
#ifndef VMSC_ANALYZER_NAMES_H
#define VMSC_ANALYZER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One word of a vocabulary: stands for @value in the bits of @mask. */
struct vmsc_word {
	const char *text;
	uint64_t value, mask;
};

/* How the value of an argument is written. */
enum vmsc_form {
	VMSC_FORM_NONE,
	VMSC_FORM_ADDRESS, /* "0x…" */
	VMSC_FORM_HEX,	   /* the same for numbers that are no addresses */
	VMSC_FORM_NUMBER,
	VMSC_FORM_FD,	 /* a signed 32-bit number */
	VMSC_FORM_WORD,	 /* one word of the vocabulary, or hex */
	VMSC_FORM_WORDS, /* an array of words, the rest as hex */
};

struct vmsc_argument {
	const char *key;
	enum vmsc_form form;
	const struct vmsc_word *words; /* ends with text NULL */
};

struct vmsc_syscall {
	const char *name;
	uint16_t nr;
	bool gives_address; /* the result is one, when it is no error */
	struct vmsc_argument args[6];
};

const struct vmsc_syscall *vmsc_syscall_of_number(unsigned int nr); /* NULL: not in the table */
const struct vmsc_syscall *vmsc_syscall_of_name(const char *name);

/* "ENOMEM" of 12; NULL for a number without a name. */
const char *vmsc_errno_name(int number);
int vmsc_errno_of_name(const char *name); /* 0: unknown */

#endif

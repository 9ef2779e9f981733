/* SPDX-License-Identifier: MIT */
/*
 * numbers.h - which numbers can a system-call instruction be reached with? Followed backwards in its
 * function, along all jumps, to the places where the number is loaded. Pure.
 */
#ifndef VMSC_NUMBERS_H
#define VMSC_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMSC_NUMBERS_MAX 16
#define VMSC_FUNCTION_INSNS 12288
#define VMSC_FUNCTION_JUMPS 3072

/* A function's instructions and jumps, as offsets from its begin. */
struct vmsc_function {
	const unsigned char *begin;
	uint32_t size, nr_insns, nr_jumps, nr_switches;
	uint32_t insns[VMSC_FUNCTION_INSNS];
	struct {
		uint32_t from, to; /* UINT32_MAX: can't be told */
	} jumps[VMSC_FUNCTION_JUMPS];
};

struct vmsc_numbers {
	uint32_t nr;
	uint32_t at[VMSC_NUMBERS_MAX];
};

/* False: it is not understood. */
bool vmsc_function_read(struct vmsc_function *function, const unsigned char *begin, size_t size);

/* Does an instruction begin at offset @at? The byte pair of a system call occurs in the midst of others too.
 */
bool vmsc_function_has_insn(const struct vmsc_function *function, uint32_t at);

/* All numbers that the instruction at offset @call may be made with; false: they can't be told. */
bool vmsc_numbers_find(const struct vmsc_function *function, uint32_t call, struct vmsc_numbers *numbers);

/*
 * Where at least @size bytes of whole instructions end right before the instruction at offset @call, with no
 * jump into their midst; UINT32_MAX: there is no such place.
 */
uint32_t vmsc_function_room(const struct vmsc_function *function, uint32_t call, uint32_t size);

/* The function that has @at in it, by the module's table for unwinders (PT_GNU_EH_FRAME). False: it is not in
 * there. */
bool vmsc_function_bounds(const unsigned char *table, uint64_t at, uint64_t *begin, uint64_t *end);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * numbers.c - see numbers.h.
 *
 * An indirect jump (a switch) may lead to any place where straight code begins: where code ends before it, or
 * a jump goes to. Where a function comes back from its cold part, which lies elsewhere, is not seen.
 */
#include "numbers.h"

#include <string.h>

#include "decode.h"

#define NR_STATES 64
#define NOWHERE UINT32_MAX
#define RELATIVE 0x1b /* pointers: four bytes, signed, from where they are; from the table's begin */
#define FROM_TABLE 0x3b
#define FOUR_BYTES 0x03
#define TABLE_AT 12

static bool add_jump(struct vmsc_function *function, uint32_t from, uint32_t to)
{
	if (function->nr_jumps == VMSC_FUNCTION_JUMPS)
		return false;
	function->jumps[function->nr_jumps].from = from;
	function->jumps[function->nr_jumps++].to = to;
	return true;
}

static bool note_jump(struct vmsc_function *function, uint32_t from, int64_t to)
{
	return to < 0 || to >= (int64_t)function->size || add_jump(function, from, to);
}

bool vmsc_function_read(struct vmsc_function *function, const unsigned char *begin, size_t size)
{
	struct vmsc_insn insn;
	int64_t distance;

	function->begin = begin;
	function->size = size;
	function->nr_insns = function->nr_jumps = function->nr_switches = 0;
	for (uint32_t at = 0; at < size; at += insn.length) {
		if (function->nr_insns == VMSC_FUNCTION_INSNS || !vmsc_decode(begin + at, size - at, &insn))
			return false;
		function->insns[function->nr_insns++] = at;
		if (vmsc_insn_is_jump(&insn, begin + at, &distance) &&
		    !note_jump(function, at, at + insn.length + distance))
			return false;
		if (!vmsc_insn_is_indirect_jump(&insn))
			continue;
		if (!add_jump(function, at, NOWHERE))
			return false;
		function->nr_switches++;
	}
	return true;
}

static uint32_t index_of(const struct vmsc_function *function, uint32_t offset)
{
	uint32_t low = 0, high = function->nr_insns;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (function->insns[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < function->nr_insns && function->insns[low] == offset ? low : NOWHERE;
}

/* What register is asked for, before which instruction. */
struct state {
	uint32_t index, reg;
};

struct search {
	const struct vmsc_function *function;
	struct vmsc_numbers *numbers;
	struct state states[NR_STATES];
	uint32_t nr;
};

static bool add_state(struct search *search, uint32_t index, uint32_t reg)
{
	for (uint32_t i = 0; i < search->nr; i++) {
		if (search->states[i].index == index && search->states[i].reg == reg)
			return true;
	}
	if (search->nr == NR_STATES)
		return false;
	search->states[search->nr++] = (struct state){ index, reg };
	return true;
}

static bool add_number(struct vmsc_numbers *numbers, uint32_t number)
{
	for (uint32_t i = 0; i < numbers->nr; i++) {
		if (numbers->at[i] == number)
			return true;
	}
	if (numbers->nr == VMSC_NUMBERS_MAX)
		return false;
	numbers->at[numbers->nr++] = number;
	return true;
}

static bool decode_at(const struct vmsc_function *function, uint32_t index, struct vmsc_insn *insn)
{
	uint32_t at = function->insns[index];

	return vmsc_decode(function->begin + at, function->size - at, insn);
}

/* @reg as the instruction leaves it. */
static bool go_back(struct search *search, uint32_t index, uint32_t reg)
{
	struct vmsc_insn insn;
	uint32_t value = 0;

	if (index == NOWHERE || !decode_at(search->function, index, &insn))
		return false;
	switch (vmsc_insn_effect(&insn, search->function->begin + search->function->insns[index], reg, &value)) {
	case VMSC_EFFECT_NONE:
		return add_state(search, index, reg);
	case VMSC_EFFECT_NUMBER:
		return add_number(search->numbers, value);
	case VMSC_EFFECT_COPY:
		return add_state(search, index, value);
	default:
		return false;
	}
}

/* Back over the jumps to offset @to. NOWHERE: those of which it isn't known. An address to jump to is no
 * number. */
static bool follow_jumps(struct search *search, uint32_t to, uint32_t reg, bool *found)
{
	const struct vmsc_function *function = search->function;
	struct vmsc_insn insn;

	for (uint32_t i = 0; i < function->nr_jumps; i++) {
		uint32_t from;

		if (function->jumps[i].to != to)
			continue;
		from = index_of(function, function->jumps[i].from);
		*found = true;
		if (to == NOWHERE && decode_at(function, from, &insn) && insn.mod == 3 && insn.rm == reg)
			continue;
		if (!go_back(search, from, reg))
			return false;
	}
	return true;
}

/* From all places that the instruction can be come to from. The function's begin is one of which nothing is
 * known. */
static bool follow(struct search *search, struct state state)
{
	const struct vmsc_function *function = search->function;
	bool falls = false, jumped = false, maybe = false;
	struct vmsc_insn before;

	if (!state.index || !decode_at(function, state.index - 1, &before))
		return false;
	falls = !vmsc_insn_is_end(&before);
	if (falls && !go_back(search, state.index - 1, state.reg))
		return false;
	if (!follow_jumps(search, function->insns[state.index], state.reg, &jumped))
		return false;
	if (function->nr_switches && (!falls || jumped) && !follow_jumps(search, NOWHERE, state.reg, &maybe))
		return false;
	return true; /* what nothing leads to is padding */
}

bool vmsc_function_has_insn(const struct vmsc_function *function, uint32_t at)
{
	return index_of(function, at) != NOWHERE;
}

bool vmsc_numbers_find(const struct vmsc_function *function, uint32_t call, struct vmsc_numbers *numbers)
{
	struct search search = { .function = function, .numbers = numbers, .nr = 0 };
	uint32_t index = index_of(function, call);

	numbers->nr = 0;
	if (index == NOWHERE || !add_state(&search, index, VMSC_REG_RAX))
		return false;
	for (uint32_t i = 0; i < search.nr; i++) {
		if (!follow(&search, search.states[i]))
			return false;
	}
	return numbers->nr;
}

uint32_t vmsc_function_room(const struct vmsc_function *function, uint32_t call, uint32_t size)
{
	uint32_t index = index_of(function, call), from;

	if (index == NOWHERE)
		return NOWHERE;
	do {
		if (!index)
			return NOWHERE;
		from = function->insns[--index];
	} while (call - from < size);
	for (uint32_t i = 0; i < function->nr_jumps; i++) {
		if (function->jumps[i].to > from && function->jumps[i].to < call)
			return NOWHERE;
	}
	return from;
}

static int32_t number_at(const unsigned char *at)
{
	int32_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

bool vmsc_function_bounds(const unsigned char *table, uint64_t at, uint64_t *begin, uint64_t *end)
{
	const unsigned char *entries = table + TABLE_AT, *entry;
	uint64_t base = (uintptr_t)table;
	uint32_t low = 0, high;

	if (table[0] != 1 || table[2] != FOUR_BYTES || table[3] != FROM_TABLE)
		return false;
	high = (uint32_t)number_at(table + TABLE_AT - 4);
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (base + (int64_t)number_at(entries + 8 * (size_t)middle) > at)
			high = middle;
		else
			low = middle;
	}
	if (!high)
		return false;
	entry = entries + 8 * (size_t)low;
	*begin = base + (int64_t)number_at(entry);
	/* the FDE: length, CIE, begin, length of the code; as compilers write them, the begin relative and
	 * both of four bytes */
	entry = table + number_at(entry + 4);
	if ((uintptr_t)entry + 8 + (int64_t)number_at(entry + 8) != *begin)
		return false;
	*end = *begin + (uint32_t)number_at(entry + 12);
	return at >= *begin && at < *end;
}

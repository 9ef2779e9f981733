/* SPDX-License-Identifier: MIT */
/* displace.c - see displace.h. */
#include "displace.h"

#include <string.h>

#include "decode.h"
#include "patch.h"
#include "recorder.h"

#include "inject.h"

#define JUMP_SIZE 5
#define MAX_COPIED 24

static uint64_t next_byte = 0, end_byte = 0;

void vmsc_displace_begin(uint64_t end)
{
	next_byte = (end + 15) & ~UINT64_C(15);
	end_byte = (end + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1);
}

uint64_t vmsc_displace_room(size_t size)
{
	uint64_t at = next_byte;

	if (!at || at + size > end_byte)
		return 0;
	next_byte = (at + size + 15) & ~UINT64_C(15);
	return at;
}

/* Length of the instruction at @at, 0: not one that can be copied. @relative: where its relative address is, 0: none. */
static size_t instruction_length(const unsigned char *at, size_t *relative)
{
	struct vmsc_insn insn;

	*relative = 0;
	if (!vmsc_decode(at, MAX_COPIED, &insn) || !vmsc_insn_can_move(&insn))
		return 0;
	if (insn.has_modrm && insn.mod == 0 && (insn.rm & 7) == 5)
		*relative = insn.immediate_at - 4;
	return insn.length;
}

bool vmsc_displace_can(const unsigned char *from, const unsigned char *to)
{
	size_t relative, length;

	if (to - from > MAX_COPIED)
		return false;
	for (; from < to; from += length) {
		length = instruction_length(from, &relative);
		if (!length)
			return false;
	}
	return from == to;
}

/* A distance from @from that shall lead to the same place from @to. */
static bool move_distance(unsigned char *at, uint64_t from, uint64_t to)
{
	int64_t distance;
	int32_t near;

	memcpy(&near, at, sizeof(near));
	distance = near + (int64_t)(from - to);
	near = distance;
	memcpy(at, &near, sizeof(near));
	return near == distance;
}

uint64_t vmsc_displace(const unsigned char *from, const unsigned char *to, const char *target)
{
	unsigned char copy[MAX_COPIED + JUMP_SIZE] = { 0 };
	size_t size = to - from, relative, length;
	uint64_t room;

	if (!vmsc_displace_can(from, to))
		return 0;
	room = vmsc_displace_room(size + JUMP_SIZE);
	if (!room)
		return 0;
	memcpy(copy, from, size);
	for (size_t at = 0; at < size; at += length) {
		length = instruction_length(copy + at, &relative);
		if (relative && !move_distance(copy + at + relative, (uintptr_t)from, room))
			return 0;
	}
	copy[size] = 0xe9;
	if (!move_distance(copy + size + 1, (uintptr_t)target, room + size + JUMP_SIZE))
		return 0;
	return vmsc_patch_write(room, copy, size + JUMP_SIZE) ? room : 0;
}

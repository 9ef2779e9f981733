/* SPDX-License-Identifier: MIT */
/* decode.c - see decode.h. After the tables of the processor's manual; what compilers do not make is not
 * known. */
#include "decode.h"

#include <string.h>

#define BIT(nr, of) ((of)[(nr) >> 5] >> ((nr)&31) & 1)

/* One bit for each opcode, lowest first: has a ModRM byte; has an immediate of one byte; of four (two with
 * prefix 66). */
static const uint32_t one_modrm[8] = { 0x0f0f0f0f, 0x0f0f0f0f, 0, 0x00000a08, 0x0000fffb, 0, 0xff0f00c3, 0xc0c00000 };
static const uint32_t one_byte[8] = { 0x10101010, 0x10101010, 0,	  0xffff0c00,
				      0x00000009, 0x00ff0100, 0x00002043, 0x000008ff };
static const uint32_t one_four[8] = { 0x20202020, 0x20202020, 0,	  0x00000300,
				      0x00000002, 0xff000200, 0x00000080, 0x00000300 };
static const uint32_t two_plain[8] = { 0x00000be0, 0x00ff0000, 0, 0x00800000, 0x0000ffff, 0x00000707, 0x0000ff00, 0 };
/* Prefixes but for REX; what is no instruction in 64-bit mode. */
static const uint32_t prefixes[8] = { 0, 0x40404040, 0, 0x000000f0, 0, 0, 0, 0x000d0000 };
static const uint32_t bad[8] = { 0xc0c040c0, 0x80808080, 0, 0x00000003, 0x04000004, 0, 0x00704000, 0x00000400 };
static const uint32_t two_byte[8] = { 0, 0, 0, 0x000f0000, 0, 0x04001010, 0x00000074, 0 };

struct bytes {
	const unsigned char *at;
	size_t nr, size;
};

static unsigned int next(struct bytes *from)
{
	return from->nr < from->size ? from->at[from->nr++] : (from->nr++, 0);
}

static void take_modrm(struct bytes *from, struct vmsc_insn *insn, unsigned int rex)
{
	unsigned int modrm = next(from), base = modrm & 7;

	insn->has_modrm = true;
	insn->mod = modrm >> 6;
	insn->reg = (modrm >> 3 & 7) | (rex & 4) << 1;
	insn->rm = base | (rex & 1) << 3;
	if (insn->mod == 3)
		return;
	if (base == 4)
		base = next(from) & 7;
	if (insn->mod == 1)
		from->nr += 1;
	else if (insn->mod == 2 || base == 5)
		from->nr += 4;
}

static unsigned int immediate_of_one(const struct vmsc_insn *insn, bool is_short)
{
	unsigned int op = insn->opcode, four = is_short ? 2 : 4;

	if (op >= 0xb8 && op <= 0xbf && insn->wide)
		return 8;
	if (op >= 0xa0 && op <= 0xa3)
		return 8;
	if (op == 0xc2)
		return 2;
	if (op == 0xc8)
		return 3;
	if (op == 0xf6)
		return (insn->reg & 7) < 2 ? 1 : 0;
	if (op == 0xf7)
		return (insn->reg & 7) < 2 ? four : 0;
	if (op == 0xe8 || op == 0xe9)
		return 4;
	return BIT(op, one_byte) ? 1 : BIT(op, one_four) ? four : 0;
}

static unsigned int immediate_of(const struct vmsc_insn *insn, bool is_short)
{
	switch (insn->map) {
	case VMSC_MAP_ONE:
		return immediate_of_one(insn, is_short);
	case VMSC_MAP_0F:
		if (!insn->is_vector && insn->opcode >= 0x80 && insn->opcode <= 0x8f)
			return 4;
		return BIT(insn->opcode, two_byte);
	default:
		return insn->map == VMSC_MAP_0F3A;
	}
}

/* VEX of two or three bytes, EVEX of four. */
static bool take_vector(struct bytes *from, struct vmsc_insn *insn, unsigned int first)
{
	unsigned int one = next(from), two = one, rex = ~one >> 5 & 4;

	insn->is_vector = true;
	insn->map = VMSC_MAP_0F;
	if (first != 0xc5) {
		insn->map = one & (first == 0x62 ? 7 : 31);
		rex = ~one >> 5 & 7;
		two = next(from);
	}
	if (first == 0x62)
		next(from);
	insn->third = ~two >> 3 & 15;
	insn->opcode = next(from);
	if (insn->map < VMSC_MAP_0F || insn->map > VMSC_MAP_0F3A)
		return false;
	if (insn->map != VMSC_MAP_0F || insn->opcode != 0x77)
		take_modrm(from, insn, rex);
	return true;
}

static bool take_opcode(struct bytes *from, struct vmsc_insn *insn, unsigned int first, unsigned int rex)
{
	insn->opcode = first;
	if (first != 0x0f) {
		if (BIT(first, one_modrm))
			take_modrm(from, insn, rex);
		return true;
	}
	insn->map = VMSC_MAP_0F;
	insn->opcode = next(from);
	if (insn->opcode == 0x38 || insn->opcode == 0x3a) {
		insn->map = insn->opcode == 0x38 ? VMSC_MAP_0F38 : VMSC_MAP_0F3A;
		insn->opcode = next(from);
		take_modrm(from, insn, rex);
	} else if (!BIT(insn->opcode, two_plain)) {
		take_modrm(from, insn, rex);
	}
	return true;
}

bool vmsc_decode(const unsigned char *at, size_t size, struct vmsc_insn *insn)
{
	struct bytes from = { at, 0, size < 15 ? size : 15 };
	unsigned int first, rex = 0;
	bool is_known;

	memset(insn, 0, sizeof(*insn));
	do
		insn->is_short |= (first = next(&from)) == 0x66;
	while (BIT(first, prefixes) && from.nr < from.size);
	if ((first & 0xf0) == 0x40) {
		rex = first;
		first = next(&from);
	}
	insn->wide = rex & 8;
	if (BIT(first, bad))
		return false;
	is_known = first == 0xc5 || first == 0xc4 || first == 0x62 ? take_vector(&from, insn, first)
								   : take_opcode(&from, insn, first, rex);
	if (insn->map == VMSC_MAP_ONE && !insn->has_modrm)
		insn->rm = (insn->opcode & 7) | (rex & 1) << 3;
	insn->immediate_at = from.nr;
	from.nr += immediate_of(insn, insn->is_short && !insn->wide);
	insn->length = from.nr;
	return is_known && from.nr <= from.size;
}

bool vmsc_insn_is_syscall(const struct vmsc_insn *insn)
{
	return insn->map == VMSC_MAP_0F && !insn->is_vector && insn->opcode == 0x05;
}

static bool is_one(const struct vmsc_insn *insn, unsigned int from, unsigned int to)
{
	return insn->map == VMSC_MAP_ONE && !insn->is_vector && insn->opcode >= from && insn->opcode <= to;
}

static bool is_two(const struct vmsc_insn *insn, unsigned int from, unsigned int to)
{
	return insn->map == VMSC_MAP_0F && !insn->is_vector && insn->opcode >= from && insn->opcode <= to;
}

bool vmsc_insn_is_indirect_jump(const struct vmsc_insn *insn)
{
	return is_one(insn, 0xff, 0xff) && ((insn->reg & 7) == 4 || (insn->reg & 7) == 5);
}

bool vmsc_insn_is_end(const struct vmsc_insn *insn)
{
	return vmsc_insn_is_indirect_jump(insn) || is_one(insn, 0xe9, 0xe9) || is_one(insn, 0xeb, 0xeb) ||
	       is_one(insn, 0xc2, 0xc3) || is_one(insn, 0xcc, 0xcc) || is_one(insn, 0xf4, 0xf4) ||
	       is_two(insn, 0x0b, 0x0b);
}

bool vmsc_insn_is_jump(const struct vmsc_insn *insn, const unsigned char *at, int64_t *distance)
{
	int32_t far;

	if (is_one(insn, 0x70, 0x7f) || is_one(insn, 0xe0, 0xe3) || is_one(insn, 0xeb, 0xeb)) {
		*distance = (int8_t)at[insn->immediate_at];
		return true;
	}
	if (!is_two(insn, 0x80, 0x8f) && !is_one(insn, 0xe9, 0xe9))
		return false;
	memcpy(&far, at + insn->immediate_at, sizeof(far));
	*distance = far;
	return true;
}

static bool is_call(const struct vmsc_insn *insn)
{
	return is_one(insn, 0xe8, 0xe8) || (is_one(insn, 0xff, 0xff) && ((insn->reg & 7) == 2 || (insn->reg & 7) == 3));
}

/* rbx, rbp, rsp, r12 to r15: a function gives them back. */
static bool is_kept_by_calls(unsigned int reg)
{
	return 0xf038u >> reg & 1;
}

/* Writes nothing but flags, or memory. */
static bool only_reads(const struct vmsc_insn *insn)
{
	unsigned int group = insn->reg & 7;
	bool to_memory = insn->has_modrm && insn->mod != 3;

	if (insn->map == VMSC_MAP_ONE && insn->opcode < 0x40 && (insn->opcode & 7) < 6)
		return insn->opcode >= 0x38 || (to_memory && (insn->opcode & 7) < 2);
	if (is_one(insn, 0x80, 0x83))
		return group == 7 || to_memory;
	if (is_one(insn, 0xf6, 0xf7))
		return group < 2 || (to_memory && group < 4);
	if (is_one(insn, 0x88, 0x89) || is_one(insn, 0xc6, 0xc7) || is_one(insn, 0xc0, 0xc1) ||
	    is_one(insn, 0xd0, 0xd3))
		return to_memory;
	if (is_one(insn, 0xff, 0xff))
		return to_memory && (group < 2 || group == 6);
	if (is_two(insn, 0xba, 0xba))
		return group == 4 || to_memory;
	return is_one(insn, 0x84, 0x85) || is_one(insn, 0xa8, 0xa9) || is_one(insn, 0x70, 0x7f) ||
	       is_one(insn, 0xe9, 0xeb) || is_one(insn, 0x68, 0x68) || is_one(insn, 0x6a, 0x6a) ||
	       is_one(insn, 0x50, 0x57) || (is_one(insn, 0x90, 0x90) && !insn->rm) || is_two(insn, 0x80, 0x8f) ||
	       is_two(insn, 0xa3, 0xa3) || is_two(insn, 0x0b, 0x0b) ||
	       (is_two(insn, 0x18, 0x1f) && (to_memory || group == 7));
}

/* Moves between vector registers and memory. */
static bool is_vector_move(const struct vmsc_insn *insn)
{
	unsigned int op = insn->opcode;

	if (insn->map != VMSC_MAP_0F)
		return false;
	return (op >= 0x10 && op <= 0x17) || op == 0x28 || op == 0x29 || (op >= 0x60 && op <= 0x6f) || op == 0x7f ||
	       op == 0xd6 || op == 0xef || (op == 0x7e && insn->mod != 3);
}

/* Writes its ModRM reg operand and nothing else. */
static bool writes_reg_only(const struct vmsc_insn *insn)
{
	if (insn->map == VMSC_MAP_ONE && insn->opcode < 0x38 && (insn->opcode & 7) >= 2 && (insn->opcode & 7) < 4)
		return true;
	return is_one(insn, 0x8a, 0x8b) || is_one(insn, 0x8d, 0x8d) || is_one(insn, 0x63, 0x63) ||
	       is_one(insn, 0x69, 0x69) || is_one(insn, 0x6b, 0x6b) || is_two(insn, 0x40, 0x4f) ||
	       is_two(insn, 0xb6, 0xb7) || is_two(insn, 0xbe, 0xbf) || is_two(insn, 0xaf, 0xaf) ||
	       is_two(insn, 0xbc, 0xbd);
}

/* Writes its ModRM rm operand and nothing else. Eight-bit registers of old may be another's second byte:
 * those of none. */
static bool writes_rm_only(const struct vmsc_insn *insn)
{
	unsigned int group = insn->reg & 7;

	if (insn->map == VMSC_MAP_ONE && insn->opcode < 0x38 && (insn->opcode & 7) < 2)
		return true;
	if (is_one(insn, 0xf6, 0xf7))
		return group == 2 || group == 3;
	if (is_one(insn, 0xff, 0xff) || is_one(insn, 0xfe, 0xfe))
		return group < 2;
	return is_one(insn, 0x80, 0x83) || is_one(insn, 0x88, 0x89) || is_one(insn, 0xc6, 0xc7) ||
	       is_one(insn, 0xc0, 0xc1) || is_one(insn, 0xd0, 0xd3) || is_two(insn, 0x90, 0x9f);
}

static bool is_byte_sized(const struct vmsc_insn *insn)
{
	return insn->map == VMSC_MAP_ONE ? !(insn->opcode & 1) : insn->opcode >= 0x90 && insn->opcode <= 0x9f;
}

/* The instructions by which numbers come into registers. */
static enum vmsc_effect moves(const struct vmsc_insn *insn, const unsigned char *at, unsigned int reg, uint32_t *value)
{
	if ((is_one(insn, 0xb8, 0xbf) || (is_one(insn, 0xc7, 0xc7) && insn->mod == 3)) && insn->rm == reg) {
		memcpy(value, at + insn->immediate_at, sizeof(*value));
		return VMSC_EFFECT_NUMBER;
	}
	if (insn->mod != 3 || !insn->has_modrm)
		return VMSC_EFFECT_NONE;
	if ((is_one(insn, 0x31, 0x31) || is_one(insn, 0x33, 0x33)) && insn->reg == reg && insn->rm == reg) {
		*value = 0;
		return VMSC_EFFECT_NUMBER;
	}
	if (is_one(insn, 0x89, 0x89) && insn->rm == reg)
		*value = insn->reg;
	else if (is_one(insn, 0x8b, 0x8b) && insn->reg == reg)
		*value = insn->rm;
	else
		return VMSC_EFFECT_NONE;
	return VMSC_EFFECT_COPY;
}

/* Those that write rax, or with memory the ModRM reg operand: *@reg is what they write. */
static bool writes_one(const struct vmsc_insn *insn, unsigned int *reg)
{
	bool to_memory = insn->has_modrm && insn->mod != 3;

	*reg = VMSC_REG_RAX;
	if (is_one(insn, 0x98, 0x98) || (is_two(insn, 0xb0, 0xb1) && to_memory))
		return true;
	if (insn->map == VMSC_MAP_ONE && insn->opcode < 0x38 && (insn->opcode & 7) >= 4 && (insn->opcode & 7) < 6)
		return true;
	*reg = insn->reg;
	return to_memory && (is_one(insn, 0x86, 0x87) || is_two(insn, 0xc0, 0xc1));
}

static bool is_other_register(const struct vmsc_insn *insn, unsigned int wrote, unsigned int reg)
{
	return wrote != reg && (!is_byte_sized(insn) || wrote < 4 || wrote > 7 || wrote - 4 != reg);
}

enum vmsc_effect vmsc_insn_effect(const struct vmsc_insn *insn, const unsigned char *at, unsigned int reg,
				  uint32_t *value)
{
	enum vmsc_effect moved = moves(insn, at, reg, value);
	unsigned int wrote;

	if (moved != VMSC_EFFECT_NONE)
		return insn->is_short ? VMSC_EFFECT_OTHER : moved;
	if (is_call(insn))
		return is_kept_by_calls(reg) ? VMSC_EFFECT_NONE : VMSC_EFFECT_OTHER;
	if (vmsc_insn_is_syscall(insn))
		return reg == VMSC_REG_RAX || reg == 1 || reg == 11 ? VMSC_EFFECT_OTHER : VMSC_EFFECT_NONE;
	if (is_one(insn, 0x58, 0x5f) || is_one(insn, 0xb0, 0xbf))
		return insn->rm == reg || (insn->opcode < 0xb8 && insn->rm - 4u == reg) ? VMSC_EFFECT_OTHER
											: VMSC_EFFECT_NONE;
	if (is_one(insn, 0xf6, 0xf7) && (insn->reg & 7) >= 4) /* mul, div */
		return reg == VMSC_REG_RAX || reg == VMSC_REG_RDX ? VMSC_EFFECT_OTHER : VMSC_EFFECT_NONE;
	if (writes_one(insn, &wrote))
		return wrote == reg ? VMSC_EFFECT_OTHER : VMSC_EFFECT_NONE;
	if (only_reads(insn) || is_vector_move(insn))
		return VMSC_EFFECT_NONE;
	if (writes_reg_only(insn))
		return is_other_register(insn, insn->reg, reg) ? VMSC_EFFECT_NONE : VMSC_EFFECT_OTHER;
	if (writes_rm_only(insn))
		return insn->mod != 3 || is_other_register(insn, insn->rm, reg) ? VMSC_EFFECT_NONE : VMSC_EFFECT_OTHER;
	return VMSC_EFFECT_OTHER;
}

bool vmsc_insn_can_move(const struct vmsc_insn *insn)
{
	if (is_vector_move(insn) || writes_reg_only(insn) || is_one(insn, 0xb0, 0xbf) || is_two(insn, 0x1e, 0x1f))
		return true;
	if (is_one(insn, 0xff, 0xff))
		return (insn->reg & 7) < 2;
	if (insn->map == VMSC_MAP_ONE && insn->opcode < 0x40)
		return (insn->opcode & 7) < 6;
	return writes_rm_only(insn) || is_one(insn, 0x84, 0x85) || is_one(insn, 0x98, 0x99) ||
	       is_one(insn, 0xa8, 0xa9) || is_one(insn, 0xf6, 0xf7);
}

/* SPDX-License-Identifier: MIT */
/* decode.h - how long an x86-64 instruction is and what it may do to a register: as much as numbers.c needs.
 * Pure. */
#ifndef VMSC_DECODE_H
#define VMSC_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vmsc_opcode_map { VMSC_MAP_ONE, VMSC_MAP_0F, VMSC_MAP_0F38, VMSC_MAP_0F3A };

struct vmsc_insn {
	uint8_t length, opcode;
	uint8_t map; /* enum vmsc_opcode_map */
	bool is_vector; /* VEX or EVEX */
	bool wide, is_short; /* REX.W; prefix 66 */
	bool has_modrm;
	uint8_t mod, reg, rm; /* with the bits of REX; rm is a register only where mod is 3 */
	uint8_t third; /* VEX: the third register */
	uint8_t immediate_at; /* where the immediate operand begins; of branches the distance */
};

/* Decodes what is at @at, of which @size bytes may be read. False: no instruction that is known. */
bool vmsc_decode(const unsigned char *at, size_t size, struct vmsc_insn *insn);

#define VMSC_REG_RAX 0
#define VMSC_REG_RDX 2

enum vmsc_effect {
	VMSC_EFFECT_NONE, /* the register keeps its value */
	VMSC_EFFECT_NUMBER, /* it is now *@value */
	VMSC_EFFECT_COPY, /* it is now what register *@value was */
	VMSC_EFFECT_OTHER, /* perhaps anything */
};

/* What @insn, at @at, does to @reg. */
enum vmsc_effect vmsc_insn_effect(const struct vmsc_insn *insn, const unsigned char *at, unsigned int reg,
				  uint32_t *value);

/* Does the next instruction not follow? */
bool vmsc_insn_is_end(const struct vmsc_insn *insn);

/* Does it jump to a place that is not in it? */
bool vmsc_insn_is_indirect_jump(const struct vmsc_insn *insn);

/* Is it a direct jump? Then *@distance is how far, from its end. */
bool vmsc_insn_is_jump(const struct vmsc_insn *insn, const unsigned char *at, int64_t *distance);

/* Does it the same elsewhere, but for an operand relative to it? Neither jumps nor the stack's push and pop.
 */
bool vmsc_insn_can_move(const struct vmsc_insn *insn);

bool vmsc_insn_is_syscall(const struct vmsc_insn *insn);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * crc32c.c - the checksum of blocks and headers: CRC-32C (Castagnoli), by the processor's instruction where it has one.
 */
#include "vmascope/trace.h"

#include <string.h>

/* The remainders of four bits, for the reflected polynomial 0x82f63b78. */
static const uint32_t remainders[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t by_table(uint32_t crc, const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		crc = crc >> 4 ^ remainders[(crc ^ data[i]) & 15];
		crc = crc >> 4 ^ remainders[(crc ^ data[i] >> 4) & 15];
	}
	return crc;
}

#ifdef __x86_64__
#include <cpuid.h>

static bool has_instruction(void)
{
	unsigned int a, b, c = 0, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_2;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const unsigned char *data, size_t size)
{
	uint64_t wide = crc, word;

	for (; size >= sizeof(word); size -= sizeof(word), data += sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; size; size--)
		crc = __builtin_ia32_crc32qi(crc, *data++);
	return crc;
}
#else
static bool has_instruction(void)
{
	return false;
}

#define by_instruction by_table
#endif

uint32_t vmsc_crc32c(uint32_t crc, const void *data, size_t size)
{
	/* Asking the processor costs more than a short text: it may trap into a hypervisor. */
	return ~(size > 512 && has_instruction() ? by_instruction(~crc, data, size) : by_table(~crc, data, size));
}

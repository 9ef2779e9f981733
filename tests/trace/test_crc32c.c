/* SPDX-License-Identifier: MIT */
/*
 * test_crc32c.c - the checksum against known values, and its two ways against each other and against bit by
 * bit. The file under test is included, so that both ways can be called whatever the processor.
 */
#include "../../preload/trace/crc32c.c"

#include "check.h"

static unsigned char bytes[4096 + 16];

/* The definition: one bit at a time. */
static uint32_t by_bits(uint32_t crc, const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

/* RFC 3720, B.4, and the check value of the catalogue of CRCs. */
static const struct {
	const char *name;
	enum { ZEROS, ONES, UP, DOWN, TEXT } fill;
	size_t size;
	uint32_t crc;
} known[] = {
	{"nothing", ZEROS, 0, 0},
	{"32 zeros", ZEROS, 32, 0x8a9136aa},
	{"32 bytes of ones", ONES, 32, 0x62a8ab43},
	{"0 to 31", UP, 32, 0x46dd794e},
	{"31 to 0", DOWN, 32, 0x113fdb5c},
	{"123456789", TEXT, 9, 0xe3069283},
};

static void fill(int how, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const unsigned char values[] = {0, 255, (unsigned char)i, (unsigned char)(size - 1 - i),
						(unsigned char)('1' + i)};

		bytes[i] = values[how];
	}
}

static void test_known(bool hardware)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		fill((int)known[i].fill, known[i].size);
		CHECK(vmsc_crc32c(0, bytes, known[i].size) == known[i].crc, "%s", known[i].name);
		CHECK(~by_table(~0u, bytes, known[i].size) == known[i].crc, "%s by table", known[i].name);
		if (hardware)
			CHECK(~by_instruction(~0u, bytes, known[i].size) == known[i].crc, "%s by instruction",
			      known[i].name);
	}
}

/* Every length up to where the ways part and beyond, at every alignment. */
static void test_ways(bool hardware)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 167 + (i >> 8) * 31);
	for (size_t size = 0; size < 1100; size++) {
		const unsigned char *data = bytes + size % 8;
		uint32_t crc = (uint32_t)(size * 0x9e3779b9), want = by_bits(crc, data, size);

		CHECK(by_table(crc, data, size) == want, "%zu bytes by table", size);
		if (hardware)
			CHECK(by_instruction(crc, data, size) == want, "%zu bytes by instruction", size);
		CHECK(vmsc_crc32c(~crc, data, size) == ~want, "%zu bytes", size);
	}
}

/* In two pieces it is the same as in one, also where each piece goes another way. */
static void test_pieces(void)
{
	uint32_t whole = vmsc_crc32c(0, bytes, 4096);

	for (size_t cut = 0; cut <= 4096; cut += 13) {
		uint32_t crc = vmsc_crc32c(0, bytes, cut);

		CHECK(vmsc_crc32c(crc, bytes + cut, 4096 - cut) == whole, "cut at %zu", cut);
	}
}

int main(void)
{
	bool hardware = has_instruction();

	if (!hardware)
		puts("crc32c: this processor has no instruction for it; only the table is tested");
	test_known(hardware);
	test_ways(hardware);
	test_pieces();
	return check_result("crc32c");
}

/* SPDX-License-Identifier: MIT */
/*
 * test_record.c - which records and headers are believed. Sizes and places are written out as numbers: a
 * structure that changes is another format.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmascope/trace.h"

#include "check.h"

struct shape {
	const char *name;
	uint16_t type;
	uint32_t fixed;
	size_t count_at, count_size; /* where the number of what follows stands; 0: nothing follows */
	uint32_t unit, most;
};

static const struct shape shapes[] = {
	{"STRING", 1, 16, 12, 4, 1, 65536},
	{"LIMITS", 2, 72},
	{"LAYOUT", 3, 80},
	{"FILE", 4, 56, 28, 4, 1, 65536},
	{"STACK", 5, 16, 12, 4, 8, 128},
	{"EXTRA", 6, 56},
	{"CALL", 7, 40, 10, 2, 8, 6},
	{"TOUCH", 8, 16},
	{"SNAPSHOT", 9, 32},
	{"SEEN", 10, 64, 60, 4, 1, 65536},
	{"SNAPSHOT_END", 11, 16},
	{"VMA", 12, 72},
	{"NAME", 13, 16, 12, 4, 1, 65536},
	{"MARK", 14, 24, 20, 4, 1, 65536},
	{"SITE", 15, 24, 20, 4, 1, 65536},
	{"OWN", 16, 24},
	{"END", 17, 40, 32, 4, 1, 65536},
	{"TABLES", 18, 32, 28, 4, 8, 8192},
	{"FORGET", 19, 16, 8, 4, 4, 16384},
};

#define NR_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

enum { GOOD = 0, NONE = -ENODATA, BAD = -EBADMSG };

/* A record of so many bytes more than its fixed part, of which @missing are not there to be read. */
struct damage {
	const char *name;
	int32_t more;
	uint32_t missing, count;
	int tailed, plain; /* what is said of a type that counts what follows, and of one that does not */
	const char *what;
};

static const struct damage damages[] = {
	{"as short as can be", 0, 0, 0, GOOD, GOOD},
	{"longer than it needs", 64, 0, 0, GOOD, GOOD},
	{"one thing follows", 8, 0, 1, GOOD, GOOD},
	{"one byte is missing", 0, 1, 0, BAD, BAD, "a record whose size can't be"},
	{"half is missing", 64, 40, 0, BAD, BAD, "a record whose size can't be"},
	{"no multiple of 8", 4, 0, 0, BAD, BAD, "a record whose size can't be"},
	{"no multiple of 8, by one", 1, 0, 0, BAD, BAD, "a record whose size can't be"},
	{"8 bytes too short", -8, 0, 0, BAD, BAD, "a record that is shorter than its type"},
	{"promises one thing, holds none", 0, 0, 1, BAD, GOOD, "a record that promises more than it holds"},
	{"promises nine, holds eight bytes", 8, 0, 9, BAD, GOOD, "a record that promises more than it holds"},
	{"promises 2^16 - 1", 64, 0, 0xffff, BAD, GOOD, "a record that promises more than it holds"},
	{"promises 2^31", 64, 0, 0x80008000, BAD, GOOD, "a record that promises more than it holds"},
	{"promises 2^32 - 1", 64, 0, 0xffffffff, BAD, GOOD, "a record that promises more than it holds"},
};

/* What the check says of a record in a buffer that ends where the reading must. */
static int ask(uint16_t type, uint32_t size, uint32_t count, const struct shape *shape, size_t left,
	       const char **what)
{
	unsigned char *bytes = calloc(1, 65536 + 64), *part = malloc(left ? left : 1);
	struct vmsc_record head = {.type = type, .size = size};
	int err;

	memcpy(bytes, &head, sizeof(head));
	if (shape && shape->count_at)
		memcpy(bytes + shape->count_at, &count, shape->count_size);
	memcpy(part, bytes, left);
	err = vmsc_record_check((const void *)part, left, what);
	free(part);
	free(bytes);
	return err;
}

static void test_shape(const struct shape *shape)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const struct damage *damage = &damages[i];
		uint32_t size = shape->fixed + (uint32_t)damage->more;
		const char *what;
		int err = ask(shape->type, size, damage->count, shape, size - damage->missing, &what);
		int want = shape->count_at ? damage->tailed : damage->plain;

		CHECK(err == want, "%s, %s: %d, not %d", shape->name, damage->name, err, want);
		CHECK(err == BAD ? what && !strcmp(what, damage->what) : !what, "%s, %s: told \"%s\"",
		      shape->name, damage->name, what);
	}
}

/* As many as there may be, and one more, in a record that could hold them. */
static void test_most(const struct shape *shape)
{
	uint32_t most = shape->most, room = (65536 - shape->fixed) / shape->unit;
	const char *what;
	int err;

	if (most > room)
		most = room;
	err = ask(shape->type, 65536, most, shape, 65536, &what);
	CHECK(!err, "%s: %u things in 64 KiB: %d, %s", shape->name, most, err, what);
	err = ask(shape->type, 65536, most + 1, shape, 65536, &what);
	CHECK(err == BAD, "%s: %u things in 64 KiB are one too many: %d", shape->name, most + 1, err);
}

struct head_case {
	const char *name;
	uint32_t type, size;
	size_t left;
	int want;
};

static const struct head_case heads[] = {
	{"nothing is left", 7, 40, 0, NONE},
	{"half a head is left", 7, 40, 7, NONE},
	{"type 0 ends a block", 0, 0, 64, NONE},
	{"type 0 of any size", 0, 0xffffffff, 64, NONE},
	{"a type of a later version", 20, 64, 64, BAD},
	{"the greatest type", 0xffff, 64, 64, BAD},
	{"size 0", 8, 0, 64, BAD},
	{"size of a head alone", 8, 8, 64, BAD},
	{"the largest record", 8, 65536, 65536, GOOD},
	{"larger than the largest", 8, 65544, 65600, BAD},
	{"as large as can be written", 8, 0xfffffff8, 64, BAD},
	{"more is left than one record", 8, 16, 64, GOOD},
};

static void test_heads(void)
{
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const struct head_case *row = &heads[i];
		const char *what;
		int err = ask((uint16_t)row->type, row->size, 0, NULL, row->left, &what);

		CHECK(err == row->want, "%s: %d, not %d", row->name, err, row->want);
		CHECK((err == BAD) == !!what, "%s: told \"%s\"", row->name, what);
	}
}

struct header_case {
	const char *name;
	size_t at, width; /* the field that is changed */
	uint64_t to;
	bool honest; /* the checksum says the same */
	const char *what;
};

static const struct header_case headers[] = {
	{"good", 0, 0, 0, true, NULL},
	{"another magic", 0, 1, 'V', true, "not a trace: it does not begin with \"vmascope\""},
	{"magic, last byte", 7, 1, 0, true, "not a trace: it does not begin with \"vmascope\""},
	{"version 0", 8, 4, 0, true, "of another format version than this program reads"},
	{"version 2", 8, 4, 2, true, NULL},
	{"version 3", 8, 4, 3, true, NULL},
	{"version 4", 8, 4, 4, true, "of another format version than this program reads"},
	{"version in the other byte order", 8, 4, 0x01000000, true,
	 "of another format version than this program reads"},
	{"the other byte order", 16, 8, 0x0807060504030201, true,
	 "recorded on a machine with another byte order"},
	{"header of 8192 bytes", 12, 4, 8192, true, "header and blocks are not of this format's sizes"},
	{"header of no size", 12, 4, 0, true, "header and blocks are not of this format's sizes"},
	{"blocks of 2 MiB", 24, 4, 2 << 20, true, "header and blocks are not of this format's sizes"},
	{"blocks of no size", 24, 4, 0, true, "header and blocks are not of this format's sizes"},
	{"pages of 16384 bytes", 28, 4, 16384, true, "recorded with pages that are not of 4096 bytes"},
	{"a pid that the checksum does not know", 56, 4, 1, false, "the header's checksum is wrong"},
	{"a wrong checksum", 80, 4, 1, false, "the header's checksum is wrong"},
	{"what changes later is not under the checksum", 84, 4, 4, false, NULL},
	{"nor is the page's rest", 4095, 1, 255, false, NULL},
};

static void make_header(unsigned char *page)
{
	struct vmsc_trace_header header = {.magic = "vmascop",
					   .version = 1,
					   .header_size = 4096,
					   .endian = 0x0102030405060708,
					   .block_size = 1 << 20,
					   .page_size = 4096,
					   .pid = 4242};

	header.magic[7] = 'e';
	memset(page, 0, 4096);
	memcpy(page, &header, sizeof(header));
}

static void sign(unsigned char *page)
{
	uint32_t crc = vmsc_crc32c(0, page, 80);

	memcpy(page + 80, &crc, sizeof(crc));
}

static void test_headers(void)
{
	unsigned char *page = malloc(4096);
	const char *what;
	int err;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		const struct header_case *row = &headers[i];

		make_header(page);
		sign(page);
		memcpy(page + row->at, &row->to, row->width);
		if (row->honest)
			sign(page);
		err = vmsc_header_check((const void *)page, 4096, &what);
		CHECK(err == (row->what ? BAD : GOOD), "header, %s: %d", row->name, err);
		CHECK(row->what ? what && !strcmp(what, row->what) : !what, "header, %s: told \"%s\"",
		      row->name, what);
	}
	free(page);
}

/* A header of which only some bytes are there is refused before one of the others is read. */
static void test_short_headers(void)
{
	unsigned char whole[4096];
	const char *what;

	make_header(whole);
	sign(whole);
	for (size_t size = 0; size < 4096; size++) {
		unsigned char *part = malloc(size ? size : 1);
		int err;

		memcpy(part, whole, size);
		err = vmsc_header_check((const void *)part, size, &what);
		CHECK(err == BAD && !strcmp(what, "shorter than a trace's header"), "header of %zu bytes: %d",
		      size, err);
		free(part);
	}
}

int main(void)
{
	for (size_t i = 0; i < NR_SHAPES; i++) {
		test_shape(&shapes[i]);
		if (shapes[i].count_at)
			test_most(&shapes[i]);
	}
	CHECK(NR_SHAPES == VMSC_NR_RECORD_TYPES - 1, "%zu types have a row, not all", NR_SHAPES);
	test_heads();
	test_headers();
	test_short_headers();
	CHECK(!strcmp(vmsc_when_name(0), "attach") && !strcmp(vmsc_when_name(8), "undetermined") &&
		      !strcmp(vmsc_when_name(9), "unknown"),
	      "names of snapshots");
	return check_result("record");
}

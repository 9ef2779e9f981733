/* SPDX-License-Identifier: MIT */
/*
 * test_reader.c - the walk through a trace: good ones, ones cut off at every byte, with every bit flipped,
 * put together wrongly; and the golden ones, which must stay as they are. test_reader              (in the
 * folder that has golden/) test_reader --write DIR  writes the golden traces anew, after the format was
 * changed on purpose
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "made.h"

struct walk {
	bool opened;
	size_t nr;
	const char *problem;
	bool truncated;
	size_t end; /* of the last record given out */
};

static struct walk walk_through(const unsigned char *data, size_t size)
{
	struct walk walk = {0};
	struct vmsc_trace trace;
	const struct vmsc_record *record;

	walk.opened = !vmsc_trace_open(&trace, data, size);
	while (walk.opened && (record = vmsc_trace_next(&trace))) {
		walk.nr++;
		walk.end = (size_t)((const unsigned char *)record - data) + record->size;
	}
	walk.problem = trace.problem;
	walk.truncated = trace.truncated;
	return walk;
}

/* Ends of the records of an undamaged trace of one block, in order. */
static size_t ends_of(const struct made *made, size_t *ends, size_t max)
{
	struct vmsc_trace trace;
	const struct vmsc_record *record;
	size_t nr = 0;

	if (vmsc_trace_open(&trace, made->data, made->size))
		return 0;
	while ((record = vmsc_trace_next(&trace)) && nr < max)
		ends[nr++] = (size_t)((const unsigned char *)record - made->data) + record->size;
	return nr;
}

/* @size bytes of the trace, in memory that ends there. */
static void test_cut(const struct made *made, const char *name, const size_t *ends, size_t size)
{
	unsigned char *part = malloc(size ? size : 1);
	struct walk walk;
	size_t whole = 0;

	memcpy(part, made->data, size);
	walk = walk_through(part, size);
	while (ends[whole] <= size)
		whole++;
	if (size < VMSC_TRACE_HEADER_SIZE) {
		CHECK(!walk.opened && walk.problem && !walk.truncated, "%s cut at %zu: refused", name, size);
	} else {
		CHECK(walk.opened && walk.problem && !walk.truncated, "%s cut at %zu: %s", name, size,
		      walk.problem);
		CHECK(walk.nr == whole, "%s cut at %zu: %zu records, not %zu", name, size, walk.nr, whole);
	}
	free(part);
}

static void test_cuts(bool sealed)
{
	struct made made;
	size_t ends[64] = {0}, nr;

	made_every_record(&made);
	if (!sealed)
		made_block(&made)->sealed = made_block(&made)->crc = 0;
	nr = ends_of(&made, ends, 63);
	ends[nr] = SIZE_MAX;
	CHECK(nr > 25 && ends[nr - 1] == made.size, "%zu records", nr);
	for (size_t size = 0; size < made.size; size++)
		test_cut(&made, sealed ? "sealed" : "unsealed", ends, size);
	made_free(&made);
}

/* Cut anywhere in the second block, or just before it, all of the first one is there. */
static void test_later_cuts(void)
{
	struct made made;
	size_t ends[64] = {0}, nr, first;
	struct vmsc_touch_record touch = {.head.type = VMSC_RECORD_TOUCH, .addr = 4096};
	struct vmsc_end_record end = {.head.type = VMSC_RECORD_END};

	made_begin(&made);
	made_add(&made, &touch, sizeof(touch), NULL, 0);
	made_seal(&made);
	first = made.size;
	made_next_block(&made);
	made_add(&made, &touch, sizeof(touch), NULL, 0);
	made_add(&made, &end, sizeof(end), NULL, 0);
	made_seal(&made);
	nr = ends_of(&made, ends, 63);
	ends[nr] = SIZE_MAX;
	CHECK(nr == 3, "%zu records", nr);
	for (size_t size = first - 100; size < first + 100; size++)
		test_cut(&made, "between blocks", ends, size);
	for (size_t size = made.block - 10; size < made.size; size++)
		test_cut(&made, "second block", ends, size);
	made_free(&made);
}

/* What a flip of one bit may do where it cannot be found. */
static bool is_free_bit(size_t byte, unsigned int bit)
{
	const size_t block = VMSC_TRACE_HEADER_SIZE;

	/* Fields that change while the trace grows, and the rest of the header's page. */
	if (byte >= offsetof(struct vmsc_trace_header, ended) && byte < block)
		return true;
	/* A block that says it was not sealed, at the end, is that of a killed process. */
	return byte == block + offsetof(struct vmsc_block, sealed) && !bit;
}

static void test_flips(void)
{
	struct made made;
	struct walk walk, good;

	made_every_record(&made);
	good = walk_through(made.data, made.size);
	CHECK(good.opened && !good.problem && !good.truncated && good.end == made.size, "good: %s",
	      good.problem);
	for (size_t bit = 0; bit < made.size * 8; bit++) {
		made.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
		walk = walk_through(made.data, made.size);
		if (is_free_bit(bit / 8, bit % 8))
			CHECK(walk.opened && !walk.problem && walk.nr == good.nr, "bit %zu of byte %zu: %s",
			      bit % 8, bit / 8, walk.problem);
		else
			CHECK(walk.problem, "bit %zu of byte %zu is not found", bit % 8, bit / 8);
		CHECK(walk.nr <= good.nr, "bit %zu of byte %zu gives more records", bit % 8, bit / 8);
		made.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	made_free(&made);
}

/*
 * A trace as a text. A letter is a record: t touch, c call, E end, B one of 64 KiB, z one without a type, u
 * of an unknown type, x one that is longer than the block. '|' seals the block and begins another, '/' begins
 * another without sealing, '.' seals. A digit or sign damages the block it stands in: 0 all zeros   n only
 * number and first call are there   M magic   I index   U used is odd   V used is too much W used is 8 more
 * S sealed 2   C checksum   F first call   _ filled up with zeros   H cut to the header
 * The header: k knows of one block less   m of one more   e of an end
 */
static const struct {
	const char *name, *text;
	size_t nr;
	const char *problem;
	bool truncated;
} rows[] = {
	{"good", "ttE.", 3, NULL, false},
	{"good, three blocks", "tct|cc|cE.", 7, NULL, false},
	{"good, full blocks", "BBBBBBBBBBBBBBB|BBE.", 18, NULL, false},
	{"good, a block without records", "t||E.", 2, NULL, false},
	{"killed right at its end: not sealed, not shortened", "ttE_", 3, NULL, false},
	{"killed", "ttc_", 3, "it ends without the record that says why", true},
	{"killed, shortened", "ttc", 3, "it ends without the record that says why", true},
	{"killed in the second block", "tt|c", 3, "it ends without the record that says why", true},
	{"killed before the first record", "", 0, "it ends without the record that says why", true},
	{"killed before the second block's first record", "tt|_", 2,
	 "it ends without the record that says why", true},
	{"killed before a block was begun", "tt|0_", 2, "its last block was never written", true},
	{"killed before the block before was sealed", "tt/0_", 2, "its last block was never written", true},
	{"killed while a block was begun", "tt|n_", 2, "its last block was never written", true},
	{"killed before the first block", "0_", 0, "its last block was never written", true},
	{"a header alone", "H", 0, "cut off: the rest of the trace is missing", false},
	{"a header alone, before any block", "Hk", 0, "it ends between two blocks", true},
	{"an end that the header tells and no record", "tte_", 2, "cut off: the rest of the trace is missing", false},
	{"a block that the header tells and is not there", "tt|tm.", 3, "cut off: the rest of the trace is missing",
	 false},
	{"not closed, and another follows", "tt/tE.", 2, "the block before was not closed", false},
	{"a record after the end", "tEt.", 2, "records follow after the end", false},
	{"a second end", "tEE", 2, "records follow after the end", false},
	{"a block after the end's", "tE|t", 2, "records follow after the end", false},
	{"an unwritten block after the end's", "tE|0", 2, "records follow after the end", false},
	{"the end's block says it is longer", "tEW", 2, "records follow after the end", false},
	{"the end's block says it is longer, and is", "tEW_", 2, "records follow after the end", false},
	{"no magic", "tt|tEM.", 2, "no block begins here", false},
	{"a wrong number", "tt|tEI.", 2, "the block has a wrong number", false},
	{"used is odd", "tt|tE.U", 2, "the block's header contradicts itself", false},
	{"used is more than a block", "tt|tEV", 2, "the block's header contradicts itself", false},
	{"sealed twice", "tt|tE.S", 2, "the block's header contradicts itself", false},
	{"a wrong checksum", "tt|tE.C", 2, "the block's checksum is wrong", false},
	{"calls are missing between two blocks", "cc|cE.F", 2, "the block's first call has a wrong number",
	 false},
	{"a record without a type", "tzE.", 1, "a record without a type", false},
	{"a record of unknown type", "tuE.", 1, "a record of unknown type", false},
	{"a record over the block's end", "ttx.", 2, "a record whose size can't be", false},
};

static void add_letter(struct made *made, char letter)
{
	struct vmsc_touch_record touch = {.head.type = VMSC_RECORD_TOUCH, .addr = 4096};
	struct vmsc_call_record call = {.head.type = VMSC_RECORD_CALL, .nr = 39};
	struct vmsc_end_record end = {.head.type = VMSC_RECORD_END};
	static struct vmsc_string_record string = {.head.type = VMSC_RECORD_STRING,
						   .length = VMSC_RECORD_MAX - sizeof(string)};
	static const char text[VMSC_RECORD_MAX];
	struct vmsc_record *last = (void *)(made->data + made->size - 16);

	if (letter == 'c')
		made_add(made, &call, sizeof(call), NULL, 0);
	else if (letter == 'E')
		made_add(made, &end, sizeof(end), NULL, 0);
	else if (letter == 'B')
		made_add(made, &string, sizeof(string), text, string.length);
	else
		made_add(made, &touch, sizeof(touch), NULL, 0);
	last = (void *)(made->data + made->size - sizeof(touch));
	if (letter == 'z')
		last->type = 0;
	else if (letter == 'u')
		last->type = VMSC_NR_RECORD_TYPES;
	else if (letter == 'x')
		last->size += 8;
}

static void pad(struct made *made)
{
	size_t size = made->block + VMSC_TRACE_BLOCK_SIZE;

	made->data = realloc(made->data, size);
	memset(made->data + made->size, 0, size - made->size);
	made->size = size;
}

static bool damage_block(struct made *made, char sign)
{
	struct vmsc_block *block = made_block(made);

	switch (sign) {
	case '0':
		memset(block, 0, sizeof(*block));
		return true;
	case 'n':
		block->magic = 0;
		return true;
	case 'M':
		block->magic++;
		return true;
	case 'I':
		block->index++;
		return true;
	case 'U':
		block->used += 4;
		return true;
	case 'V':
		block->used = VMSC_TRACE_BLOCK_SIZE - sizeof(*block) + 8;
		return true;
	case 'W':
		block->used += 8;
		return true;
	case 'S':
		block->sealed = 2;
		return true;
	case 'C':
		block->crc++;
		return true;
	case 'F':
		block->first_call++;
		return true;
	case 'k':
		made_header(made)->nr_blocks--;
		return true;
	case 'm':
		made_header(made)->nr_blocks++;
		return true;
	case 'e':
		made_header(made)->ended = VMSC_ENDED_EXIT;
		return true;
	default:
		return false;
	}
}

static void make(struct made *made, const char *text)
{
	made_begin(made);
	for (; *text; text++) {
		if (damage_block(made, *text))
			continue;
		if (*text == '|' || *text == '.')
			made_seal(made);
		if (*text == '|' || *text == '/')
			made_next_block(made);
		else if (*text == '_')
			pad(made);
		else if (*text == 'H')
			made->size = VMSC_TRACE_HEADER_SIZE;
		else if (*text != '.')
			add_letter(made, *text);
	}
}

static void test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct made made;
		struct walk walk;
		const char *want = rows[i].problem;

		make(&made, rows[i].text);
		walk = walk_through(made.data, made.size);
		CHECK(walk.opened && walk.nr == rows[i].nr, "%s: %zu records, not %zu", rows[i].name, walk.nr,
		      rows[i].nr);
		CHECK(want ? walk.problem && !strcmp(walk.problem, want) : !walk.problem, "%s: told \"%s\"",
		      rows[i].name, walk.problem);
		CHECK(walk.truncated == rows[i].truncated, "%s: %struncated", rows[i].name,
		      walk.truncated ? "" : "not ");
		made_free(&made);
	}
}

/* golden/every-record.vmt has one record of each kind; killed.vmt is the same in the middle of its last
 * snapshot. */
static void make_golden(struct made *made, bool killed)
{
	made_every_record(made);
	if (!killed)
		return;
	made->size -= 48 + 16 + 72; /* END, SNAPSHOT_END, SEEN of the stack */
	made_block(made)->used -= 48 + 16 + 72;
	made_block(made)->sealed = made_block(made)->crc = 0;
	made_header(made)->ended = VMSC_ENDED_NOT;
	made_header(made)->exit_status = 0;
}

static const char *const golden_names[] = {"every-record.vmt", "killed.vmt"};

static void test_golden(void)
{
	for (int killed = 0; killed < 2; killed++) {
		char path[64];
		struct made made;
		unsigned char *file = malloc(1 << 20);
		size_t size;
		FILE *in;

		snprintf(path, sizeof(path), "golden/%s", golden_names[killed]);
		in = fopen(path, "rb");
		size = in ? fread(file, 1, 1 << 20, in) : 0;
		make_golden(&made, killed);
		CHECK(size == made.size && !memcmp(file, made.data, size),
		      "%s is no longer what the structures say: is the format another version?", path);
		if (in)
			fclose(in);
		free(file);
		made_free(&made);
	}
}

static int write_golden(const char *folder)
{
	int bad = 0;

	for (int killed = 0; killed < 2; killed++) {
		char path[512];
		struct made made;
		FILE *out;

		snprintf(path, sizeof(path), "%s/%s", folder, golden_names[killed]);
		make_golden(&made, killed);
		out = fopen(path, "wb");
		bad |= !out || fwrite(made.data, 1, made.size, out) != made.size || fclose(out);
		made_free(&made);
	}
	return bad;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--write"))
		return write_golden(argv[2]);
	test_cuts(true);
	test_cuts(false);
	test_later_cuts();
	test_flips();
	test_rows();
	test_golden();
	return check_result("reader");
}

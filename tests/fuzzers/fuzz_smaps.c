/* SPDX-License-Identifier: MIT */
/*
 * fuzz_smaps.c - any text to the parser of maps and smaps. The first byte says how it is cut: whole or in
 * pieces, the same must come out.
 */
#include "fuzz.h"

#include "vmascope/trace.h"

struct seen {
	uint64_t hash, nr;
};

static void mix(struct seen *seen, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		seen->hash = (seen->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static int note(void *ctx, const struct vmsc_seen_record *vma, const char *name, size_t length)
{
	struct seen *seen = ctx;

	REQUIRE(vma->start < vma->end, "an empty VMA");
	REQUIRE(length <= sizeof(((struct vmsc_smaps *)NULL)->name), "a name longer than its room");
	mix(seen, vma, sizeof(*vma));
	mix(seen, name, length);
	mix(seen, &length, sizeof(length));
	seen->nr++;
	return 0;
}

static int parse(struct seen *seen, const uint8_t *data, size_t size, size_t step)
{
	static struct vmsc_smaps smaps;
	int err = 0;

	*seen = (struct seen){0};
	vmsc_smaps_begin(&smaps, note, seen);
	for (size_t at = 0; !err && at < size; at += step)
		err = vmsc_smaps_feed(&smaps, (const char *)data + at, size - at < step ? size - at : step);
	return err ? err : vmsc_smaps_finish(&smaps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;
	size_t step = size ? data[0] % 64u + 1 : 1;
	int err;

	if (!size)
		return 0;
	err = parse(&whole, data + 1, size - 1, size);
	REQUIRE(parse(&pieces, data + 1, size - 1, step) == err, "in pieces it is another error");
	REQUIRE(whole.nr == pieces.nr && whole.hash == pieces.hash, "in pieces they are other VMAs");
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * made.c - a trace with more VMAs than a kernel allows here: made, not recorded.
 *
 *   made FILE [--vmas=N] [--count=PAIRS]     N VMAs, then pairs of mmap and munmap among them
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

enum { NR_MMAP = 9, NR_MPROTECT = 10, NR_MUNMAP = 11, ANONYMOUS = 0x4022 };

static void add(struct vmsc_image *image, const void *record, size_t fixed, const void *tail, size_t length)
{
	if (!vmsc_image_add(image, record, fixed, tail, length))
		abort();
}

static void call(struct vmsc_image *image, uint16_t nr, uint16_t nr_args, const uint64_t args[4])
{
	struct vmsc_call_record record = {
		.head = {.type = VMSC_RECORD_CALL}, .nr = nr, .nr_args = nr_args, .tid = 1};

	record.stamp = image->calls * 1000;
	if (nr == NR_MMAP) {
		record.head.flags = VMSC_CALL_NO_FILE;
		record.result = (int64_t)args[0];
	}
	add(image, &record, sizeof(record), args, nr_args * sizeof(*args));
}

static void begin(struct vmsc_image *image)
{
	const struct vmsc_trace_header header = {.pid = 1};
	const struct vmsc_string_record release = {
		.head = {.type = VMSC_RECORD_STRING}, .what = VMSC_STRING_RELEASE, .length = 4};
	const struct vmsc_limits_record limits = {.head = {.type = VMSC_RECORD_LIMITS},
						  .max_map_count = UINT32_MAX,
						  .as = UINT64_MAX,
						  .data = UINT64_MAX,
						  .stack = 8 << 20,
						  .memlock = 8 << 20,
						  .stack_guard_gap = 1 << 20};
	const struct vmsc_snapshot_record nothing = {.head = {.type = VMSC_RECORD_SNAPSHOT},
						     .when = VMSC_WHEN_ATTACH,
						     .flags_known = true,
						     .end = UINT64_MAX};
	const struct vmsc_snapshot_end_record end = {.head = {.type = VMSC_RECORD_SNAPSHOT_END}};

	vmsc_image_begin(image, &header);
	add(image, &release, sizeof(release), "6.18", 4);
	add(image, &limits, sizeof(limits), NULL, 0);
	add(image, &nothing, sizeof(nothing), NULL, 0);
	add(image, &end, sizeof(end), NULL, 0);
}

/* As calls.c makes them: pages of one mapping, every other with other rights. */
static void make_calls(struct vmsc_image *image, uint64_t vmas, uint64_t pairs)
{
	const uint64_t base = UINT64_C(0x200000000000), place = UINT64_C(0x100000000000);

	call(image, NR_MMAP, 4, (const uint64_t[4]){base, (vmas + 2) * 8192, 0, ANONYMOUS});
	for (uint64_t i = 0; i < vmas; i += 2)
		call(image, NR_MPROTECT, 3, (const uint64_t[4]){base + i * 8192, 4096, 1, 0});
	for (uint64_t i = 0; i < pairs; i++) {
		call(image, NR_MMAP, 4, (const uint64_t[4]){place, 4096, 3, 0x22});
		call(image, NR_MUNMAP, 2, (const uint64_t[4]){place, 4096, 0, 0});
	}
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t otherwise)
{
	size_t length = strlen(name);

	for (int i = 2; i < argc; i++) {
		if (!strncmp(argv[i], name, length) && argv[i][length] == '=')
			return strtoull(argv[i] + length + 1, NULL, 10);
	}
	return otherwise;
}

int main(int argc, char **argv)
{
	struct vmsc_end_record end = {.head = {.type = VMSC_RECORD_END}, .ended = VMSC_ENDED_SIGNAL};
	struct vmsc_image image;
	FILE *out;

	if (argc < 2) {
		fprintf(stderr, "usage: made FILE [--vmas=N] [--count=PAIRS]\n");
		return 2;
	}
	begin(&image);
	make_calls(&image, option(argc, argv, "--vmas", 1000), option(argc, argv, "--count", 100000));
	end.calls = image.calls;
	add(&image, &end, sizeof(end), NULL, 0);
	vmsc_image_finish(&image);
	out = fopen(argv[1], "wb");
	if (!out || fwrite(image.bytes.data, 1, image.size, out) != image.size || fclose(out)) {
		perror(argv[1]);
		return 1;
	}
	vmsc_image_free(&image);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * billion CALLS - a trace of as many calls (1,000,000,000: some 20 hours of a busy program) through the
 * reader and the replay, in memory that does not grow with it: the trace's addresses are reserved, each block
 * is made before the walk comes to it and given back behind it. Nothing may be lost, mispredicted or counted
 * wrongly.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "heap.h"
#include "vmascope/replay.h"

#define AREA	   UINT64_C(0x200000000000)
#define NR_AREAS   32
#define AREA_PAGES 16
#define MEMORY_MAX (64 << 10) /* KiB that the process may ever have; the trace is a thousand times that */

struct file {
	unsigned char *data;
	size_t size;
	uint64_t nr_blocks, calls_a_block, calls;
};

static unsigned char template[VMSC_TRACE_BLOCK_SIZE];

static void need(bool good, const char *what)
{
	if (good)
		return;
	printf("wrong: %s\n", what);
	exit(1);
}

static struct vmsc_block *block_at(const struct file *file, uint64_t index)
{
	return (void *)(file->data + VMSC_TRACE_HEADER_SIZE + index * VMSC_TRACE_BLOCK_SIZE);
}

static void add(struct vmsc_block *block, void *record, size_t fixed, const void *tail, size_t length)
{
	struct vmsc_record *head = record;
	char *at = (char *)(block + 1) + block->used;

	head->size = (uint32_t)vmsc_record_size(fixed, length);
	memcpy(at, record, fixed);
	if (length)
		memcpy(at + fixed, tail, length);
	block->used += head->size;
}

static void add_call(struct vmsc_block *block, uint16_t nr, const uint64_t *args, uint16_t nr_args,
		     uint64_t result)
{
	struct vmsc_call_record call = {.head = {.type = VMSC_RECORD_CALL},
					.nr = nr,
					.nr_args = nr_args,
					.tid = 1,
					.result = (int64_t)result};

	if (nr == SYS_mmap)
		call.head.flags = VMSC_CALL_NO_FILE;
	add(block, &call, sizeof(call), args, nr_args * sizeof(*args));
}

/* An area comes, is cut in three, made one again, and goes: after a round all is as it was. */
static uint64_t fill_template(struct vmsc_block *block)
{
	const uint64_t length = AREA_PAGES * VMSC_PAGE_SIZE,
		       room = VMSC_TRACE_BLOCK_SIZE - sizeof(*block) - 1024;
	uint64_t calls = 0;

	for (uint64_t round = 0; block->used < room; round++, calls += 4) {
		const uint64_t area = AREA + round % NR_AREAS * 2 * length, part = area + VMSC_PAGE_SIZE;
		const uint64_t map[] = {area, length, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE};
		const uint64_t cut[] = {part, VMSC_PAGE_SIZE, PROT_READ},
			       join[] = {part, VMSC_PAGE_SIZE, PROT_READ | PROT_WRITE};

		add_call(block, SYS_mmap, map, 4, area);
		add_call(block, SYS_mprotect, cut, 3, 0);
		add_call(block, SYS_mprotect, join, 3, 0);
		add_call(block, SYS_munmap, map, 2, 0);
	}
	return calls;
}

/* The first block: what a trace begins with, and no call. */
static void fill_first(struct vmsc_block *block)
{
	struct vmsc_limits_record limits = {.head = {.type = VMSC_RECORD_LIMITS},
					    .max_map_count = 65530,
					    .as = UINT64_MAX,
					    .data = UINT64_MAX,
					    .stack = 8 << 20,
					    .memlock = 8 << 20};
	struct vmsc_layout_record layout = {.head = {.type = VMSC_RECORD_LAYOUT},
					    .task_size = (UINT64_C(1) << 47) - VMSC_PAGE_SIZE,
					    .mmap_base = UINT64_C(0x7f0000000000)};
	struct vmsc_string_record release = {
		.head = {.type = VMSC_RECORD_STRING}, .what = VMSC_STRING_RELEASE, .length = 6};
	struct vmsc_snapshot_record begin = {
		.head = {.type = VMSC_RECORD_SNAPSHOT}, .end = UINT64_MAX, .flags_known = 1};
	struct vmsc_snapshot_end_record end = {.head = {.type = VMSC_RECORD_SNAPSHOT_END}};

	add(block, &release, sizeof(release), "6.18.0", 6);
	add(block, &limits, sizeof(limits), NULL, 0);
	add(block, &layout, sizeof(layout), NULL, 0);
	add(block, &begin, sizeof(begin), NULL, 0);
	add(block, &end, sizeof(end), NULL, 0);
}

static void fill_last(struct vmsc_block *block, uint64_t calls)
{
	struct vmsc_end_record end = {
		.head = {.type = VMSC_RECORD_END}, .ended = VMSC_ENDED_EXIT, .calls = calls};

	add(block, &end, sizeof(end), NULL, 0);
}

/* Makes block @index, and gives back the one before the one that is walked now. */
static void make_block(struct file *file, uint64_t index)
{
	struct vmsc_block *block = block_at(file, index);
	const uint64_t before = index ? index - 1 : 0; /* blocks with calls come after the first */

	if (index > 2)
		madvise(block_at(file, index - 2), VMSC_TRACE_BLOCK_SIZE, MADV_DONTNEED);
	if (index && index < file->nr_blocks - 1) {
		memcpy(block, template, sizeof(*block) + ((struct vmsc_block *)template)->used);
	} else if (!index) {
		fill_first(block);
	} else {
		fill_last(block, file->calls);
	}
	block->magic = VMSC_BLOCK_MAGIC;
	block->index = (uint32_t)index;
	block->first_call = before * file->calls_a_block + 1;
	block->sealed = 1;
	if (!index || index == file->nr_blocks - 1)
		block->crc = vmsc_crc32c(0, block + 1, block->used);
}

static void make_file(struct file *file, uint64_t calls)
{
	struct vmsc_block *block = (void *)template;
	struct vmsc_trace_header *header;
	size_t reserved;

	file->calls_a_block = fill_template(block);
	block->crc = vmsc_crc32c(0, block + 1, block->used);
	file->nr_blocks = (calls + file->calls_a_block - 1) / file->calls_a_block + 2;
	file->calls = (file->nr_blocks - 2) * file->calls_a_block;
	reserved = VMSC_TRACE_HEADER_SIZE + file->nr_blocks * VMSC_TRACE_BLOCK_SIZE;
	file->data = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);
	need(file->data != MAP_FAILED, "no addresses for such a trace");
	header = (void *)file->data;
	*header = (struct vmsc_trace_header){.version = VMSC_TRACE_VERSION,
					     .header_size = VMSC_TRACE_HEADER_SIZE,
					     .endian = VMSC_TRACE_ENDIAN,
					     .block_size = VMSC_TRACE_BLOCK_SIZE,
					     .page_size = VMSC_PAGE_SIZE,
					     .ended = VMSC_ENDED_EXIT,
					     .nr_blocks = (uint32_t)file->nr_blocks,
					     .calls = file->calls};
	memcpy(header->magic, VMSC_TRACE_MAGIC, sizeof(header->magic));
	header->crc = vmsc_crc32c(0, header, offsetof(struct vmsc_trace_header, crc));
	make_block(file, 0);
	make_block(file, 1);
	file->size = reserved - VMSC_TRACE_BLOCK_SIZE + sizeof(*block) + sizeof(struct vmsc_end_record);
}

static void walk(struct file *file, struct vmsc_trace *trace, struct vmsc_replay *replay)
{
	const struct vmsc_record *record;
	uint64_t walked = 0, index;

	while ((record = vmsc_trace_next(trace))) {
		index = (trace->block - VMSC_TRACE_HEADER_SIZE) / VMSC_TRACE_BLOCK_SIZE;
		if (index > walked && index + 1 < file->nr_blocks)
			make_block(file, index + 1);
		walked = index;
		need(!vmsc_replay_record(replay, record), "the replay has no memory");
	}
	if (trace->problem)
		printf("%s at %zu\n", trace->problem, trace->offset);
	need(!trace->problem && !trace->truncated, "the walk ended before the trace did");
}

static void check(const struct file *file, const struct vmsc_trace *trace, const struct vmsc_tally *tally)
{
	need(trace->calls == file->calls && tally->calls == file->calls, "calls were lost");
	need(tally->predicted == file->calls, "not every call was predicted");
	need(!tally->mispredicted && !tally->undetermined && !tally->outside, "a call was mispredicted");
	need(tally->by_call[SYS_mmap] == file->calls / 4 && tally->by_call[SYS_mprotect] == file->calls / 2,
	     "calls are counted wrongly");
	need(tally->unmaps == file->calls / 4 && tally->peak == 3, "VMAs are counted wrongly");
}

int main(int argc, char **argv)
{
	const struct vmsc_replay_config config = {.allocator = vmsc_heap,
						  .rules = vmsc_rules_of_release(6, 18)};
	uint64_t calls = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	struct file file = {.data = NULL};
	struct vmsc_replay *replay = vmsc_replay_new(&config);
	struct timespec begin, end;
	struct vmsc_trace trace;
	struct rusage usage;

	need(calls && replay, "usage: billion CALLS");
	make_file(&file, calls);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	need(!vmsc_trace_open(&trace, file.data, file.size), "no trace");
	walk(&file, &trace, replay);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	check(&file, &trace, vmsc_replay_tally(replay));
	vmsc_replay_free(replay);
	getrusage(RUSAGE_SELF, &usage);
	printf("%" PRIu64 " calls in %" PRIu64
	       " blocks, %zu bytes: %.0f s of CPU, %ld KiB of memory at most\n",
	       file.calls, file.nr_blocks, file.size,
	       (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9,
	       usage.ru_maxrss);
	need(usage.ru_maxrss < MEMORY_MAX, "memory grew");
	return 0;
}

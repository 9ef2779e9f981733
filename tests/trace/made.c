/* SPDX-License-Identifier: MIT */
/* made.c - see made.h. */
#include "made.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grow(struct made *made, size_t size)
{
	if (size > made->room) {
		made->room = size * 2;
		made->data = realloc(made->data, made->room);
	}
	if (!made->data) {
		puts("no memory");
		exit(1);
	}
	memset(made->data + made->size, 0, size - made->size);
	made->size = size;
}

struct vmsc_trace_header *made_header(struct made *made)
{
	return (void *)made->data;
}

struct vmsc_block *made_block(struct made *made)
{
	return (void *)(made->data + made->block);
}

static void begin_block(struct made *made)
{
	made->block = made->size;
	grow(made, made->size + sizeof(struct vmsc_block));
	*made_block(made) = (struct vmsc_block){.magic = VMSC_BLOCK_MAGIC,
						.index = made_header(made)->nr_blocks++,
						.first_call = made->calls + 1};
}

void made_begin(struct made *made)
{
	struct vmsc_trace_header *header;

	memset(made, 0, sizeof(*made));
	grow(made, VMSC_TRACE_HEADER_SIZE);
	header = made_header(made);
	*header = (struct vmsc_trace_header){.version = VMSC_TRACE_VERSION,
					     .header_size = VMSC_TRACE_HEADER_SIZE,
					     .endian = VMSC_TRACE_ENDIAN,
					     .block_size = VMSC_TRACE_BLOCK_SIZE,
					     .page_size = VMSC_PAGE_SIZE,
					     .started = 1700000000000000000,
					     .started_monotonic = 5000000,
					     .process_started = 12345,
					     .pid = 4242,
					     .ppid = 4241,
					     .capture_mode = VMSC_CAPTURE_LIBC,
					     .capture_requested = VMSC_CAPTURE_FULL,
					     .check_mode = 1,
					     .stacks = 1};
	memcpy(header->magic, VMSC_TRACE_MAGIC, sizeof(header->magic));
	header->crc = vmsc_crc32c(0, header, offsetof(struct vmsc_trace_header, crc));
	begin_block(made);
}

void made_free(struct made *made)
{
	free(made->data);
	made->data = NULL;
}

void made_add(struct made *made, const void *record, size_t fixed, const void *tail, size_t length)
{
	size_t size = vmsc_record_size(fixed, length), at = made->size;
	struct vmsc_record *head;

	grow(made, at + size);
	head = (void *)(made->data + at);
	memcpy(head, record, fixed);
	if (length)
		memcpy((char *)head + fixed, tail, length);
	head->size = (uint32_t)size;
	made_block(made)->used += (uint32_t)size;
	made->calls += head->type == VMSC_RECORD_CALL;
	made_header(made)->calls = made->calls;
}

void made_seal(struct made *made)
{
	struct vmsc_block *block = made_block(made);

	block->crc = vmsc_crc32c(0, block + 1, block->used);
	block->sealed = 1;
}

void made_next_block(struct made *made)
{
	grow(made, made->block + VMSC_TRACE_BLOCK_SIZE);
	begin_block(made);
}

static void add_strings(struct made *made)
{
	static const struct {
		uint32_t what;
		const char *text;
		size_t length;
	} strings[] = {
		{VMSC_STRING_COMM, "made", 4},
		{VMSC_STRING_EXE, "/bin/made", 9},
		{VMSC_STRING_ARGV, "made\0by hand\0", 13},
		{VMSC_STRING_RELEASE, "6.18.44", 7},
		{VMSC_STRING_RULES, "mprotect-unaccount new-merge-prev-first anon-vma-name", 53},
		{VMSC_STRING_RULES_SOURCE, "given", 5},
		{VMSC_STRING_CWD, "/", 1},
		{VMSC_STRING_PROBLEM, "one site could not be patched", 29},
	};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct vmsc_string_record record = {.head.type = VMSC_RECORD_STRING,
						    .what = strings[i].what,
						    .length = (uint32_t)strings[i].length};

		made_add(made, &record, sizeof(record), strings[i].text, strings[i].length);
	}
}

static void add_surroundings(struct made *made)
{
	struct vmsc_limits_record limits = {.head.type = VMSC_RECORD_LIMITS,
					    .max_map_count = 65530,
					    .as = UINT64_MAX,
					    .data = UINT64_MAX,
					    .stack = 8 << 20,
					    .memlock = 8 << 20,
					    .ipc_lock = 1,
					    .mmap_min_addr = 65536,
					    .stack_guard_gap = 1 << 20};
	struct vmsc_layout_record layout = {.head.type = VMSC_RECORD_LAYOUT,
					    .task_size = UINT64_C(0x7ffffffff000),
					    .mmap_base = UINT64_C(0x7ffff7fff000),
					    .legacy_base = UINT64_C(0x2aaaaaaab000),
					    .randomized = 1,
					    .start_brk = 0x500000,
					    .brk = 0x500000,
					    .start_data = 0x402000,
					    .end_data = 0x402100,
					    .start_stack = UINT64_C(0x7fffffffe000)};

	made_add(made, &limits, sizeof(limits), NULL, 0);
	made_add(made, &layout, sizeof(layout), NULL, 0);
}

static void add_snapshot(struct made *made, enum vmsc_when when, const struct vmsc_seen_record *seen,
			 const char *const *names, size_t nr)
{
	struct vmsc_snapshot_record begin = {
		.head.type = VMSC_RECORD_SNAPSHOT, .when = when, .flags_known = 1, .end = UINT64_MAX};
	struct vmsc_snapshot_end_record end = {.head.type = VMSC_RECORD_SNAPSHOT_END, .nr = nr};

	made_add(made, &begin, sizeof(begin), NULL, 0);
	for (size_t i = 0; i < nr; i++) {
		struct vmsc_seen_record record = seen[i];

		record.head.type = VMSC_RECORD_SEEN;
		record.length = (uint32_t)strlen(names[i]);
		made_add(made, &record, sizeof(record), names[i], record.length);
	}
	made_add(made, &end, sizeof(end), NULL, 0);
}

#define MAY (VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC))

static const struct vmsc_seen_record text_seen = {.start = 0x400000,
						  .end = 0x402000,
						  .inode = 77,
						  .dev_major = 0xfe,
						  .dev_minor = 1,
						  .vm_flags = MAY | VMSC_VM(READ) | VMSC_VM(EXEC)};
static const struct vmsc_seen_record stack_seen = {.start = UINT64_C(0x7ffffffde000),
						   .end = UINT64_C(0x7ffffffff000),
						   .vm_flags = MAY | VMSC_VM(READ) | VMSC_VM(WRITE) |
							       VMSC_VM(GROWSDOWN) | VMSC_VM(ACCOUNT)};

static void add_definitions(struct made *made)
{
	static const uint64_t frames[] = {0x400123, 0x400456};
	struct vmsc_file_record file = {.head.type = VMSC_RECORD_FILE,
					.id = 1,
					.kind = VMSC_FILE_SHMEM,
					.mode = VMSC_FILE_READ | VMSC_FILE_WRITE,
					.dev_minor = 1,
					.length = 12,
					.inode = 99};
	struct vmsc_stack_record stack = {.head.type = VMSC_RECORD_STACK, .id = 1, .nr = 2};
	struct vmsc_name_record name = {.head.type = VMSC_RECORD_NAME, .id = 1, .length = 5};
	struct vmsc_site_record site = {
		.head.type = VMSC_RECORD_SITE, .addr = 0x400200, .nr = 0xffff, .length = 9};
	struct vmsc_own_record own = {
		.head.type = VMSC_RECORD_OWN, .start = 0x10000000000, .end = 0x10000001000};

	made_add(made, &file, sizeof(file), "/memfd:given", 12);
	made_add(made, &stack, sizeof(stack), frames, sizeof(frames));
	made_add(made, &name, sizeof(name), "arena", 5);
	made_add(made, &site, sizeof(site), "/bin/made", 9);
	made_add(made, &own, sizeof(own), NULL, 0);
}

static void add_calls(struct made *made)
{
	static const uint64_t mapping[] = {0, 8192, 3, 1, 3, 0},
			      naming[] = {0x53564d41, 0, 0x402001, 4096, 1};
	struct vmsc_extra_record extra = {.head.type = VMSC_RECORD_EXTRA, .file = 1};
	struct vmsc_call_record call = {.head = {.type = VMSC_RECORD_CALL, .flags = VMSC_CALL_OUT_OF_LIBC},
					.nr = 9,
					.nr_args = 6,
					.tid = 4242,
					.stack = 1,
					.stamp = 1000,
					.result = INT64_C(0x7ffff7ffd000)};
	struct vmsc_touch_record touch = {.head.type = VMSC_RECORD_TOUCH, .addr = UINT64_C(0x7ffffffdf000)};
	const uint64_t populated[] = {UINT64_C(0x7ffff7ffd000), UINT64_C(0x7ffff7ffe000)};
	struct vmsc_tables_record tables = {
		.head = {.type = VMSC_RECORD_TABLES, .flags = VMSC_TABLES_COMPLETE},
		.before = 48,
		.after = 44,
		.threads = 1,
		.nr = 2};
	const uint32_t gone[] = {2, 3, 4};
	struct vmsc_forget_record forget = {.head.type = VMSC_RECORD_FORGET, .nr = 3};
	struct vmsc_mark_record mark = {
		.head.type = VMSC_RECORD_MARK, .stamp = 1100, .tid = 4242, .length = 8};

	made_add(made, &extra, sizeof(extra), NULL, 0);
	made_add(made, &call, sizeof(call), mapping, sizeof(mapping));
	made_add(made, &mark, sizeof(mark), "half way", 8);
	made_add(made, &touch, sizeof(touch), NULL, 0);
	made_add(made, &tables, sizeof(tables), populated, sizeof(populated));
	made_add(made, &forget, sizeof(forget), gone, sizeof(gone));
	call = (struct vmsc_call_record){
		.head.type = VMSC_RECORD_CALL, .nr = 157, .nr_args = 5, .tid = 4242, .stamp = 1200};
	call.result = -22;
	made_add(made, &call, sizeof(call), naming, sizeof(naming));
}

void made_every_record(struct made *made)
{
	struct vmsc_seen_record shared_seen = {.start = UINT64_C(0x7ffff7ffd000),
					       .end = UINT64_C(0x7ffff7fff000),
					       .inode = 99,
					       .dev_minor = 1,
					       .vm_flags = MAY | VMSC_VM(READ) | VMSC_VM(WRITE) |
							   VMSC_VM(SHARED) | VMSC_VM(MAYSHARE)};
	struct vmsc_seen_record seen[] = {text_seen, shared_seen, stack_seen};
	struct vmsc_vma_record vma = {.head.type = VMSC_RECORD_VMA,
				      .vma = {.start = 0x400000,
					      .end = 0x402000,
					      .vm_flags = text_seen.vm_flags,
					      .file = 0x40000000,
					      .traits = VMSC_VMA_BORN_BEFORE}};
	struct vmsc_end_record end = {
		.head.type = VMSC_RECORD_END, .ended = VMSC_ENDED_EXIT, .status = 3, .calls = 2, .length = 4};

	made_begin(made);
	add_strings(made);
	add_surroundings(made);
	made_add(made, &vma, sizeof(vma), NULL, 0);
	add_snapshot(made, VMSC_WHEN_ATTACH, (struct vmsc_seen_record[]){text_seen, stack_seen},
		     (const char *const[]){"/bin/made", "[stack]"}, 2);
	add_definitions(made);
	add_calls(made);
	add_snapshot(made, VMSC_WHEN_EXIT, seen,
		     (const char *const[]){"/bin/made", "/memfd:given (deleted)", "[stack]"}, 3);
	made_add(made, &end, sizeof(end), "done", 4);
	made_header(made)->ended = VMSC_ENDED_EXIT;
	made_header(made)->exit_status = 3;
	made_header(made)->asked = 1;
	made_seal(made);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_blocks.c - a trace of which a few blocks are in memory gives what it gives when all of it is: by a
 * walk, and by looking again. And a file that changes meanwhile ends the program with a sentence, never with
 * a signal.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../trace/check.h"
#include "../trace/made.h"
#include "analysis.h"
#include "table.h"

#define NR_BLOCKS 20
#define NR_EMPTY  12 /* more than are in memory at a time */

static char path[] = "/tmp/vmascope-blocks-XXXXXX";

static void add_call(struct made *made, bool with_extra)
{
	struct vmsc_extra_record extra = {.head = {.type = VMSC_RECORD_EXTRA}, .size = made->calls};
	struct vmsc_call_record call = {.head = {.type = VMSC_RECORD_CALL}, .nr = 11, .result = -22};

	if (with_extra)
		made_add(made, &extra, sizeof(extra), NULL, 0);
	call.stamp = made->calls;
	made_add(made, &call, sizeof(call), NULL, 0);
}

static bool is_full(const struct made *made)
{
	return made->size + 4096 > made->block + VMSC_TRACE_BLOCK_SIZE;
}

static void next_block(struct made *made)
{
	made_seal(made);
	made_next_block(made);
}

/* Full blocks; empty ones between a call and what is told of it; another full one. */
static void make(struct made *made)
{
	struct vmsc_extra_record extra = {.head = {.type = VMSC_RECORD_EXTRA}, .size = 77};
	struct vmsc_string_record string = {
		.head = {.type = VMSC_RECORD_STRING}, .what = VMSC_STRING_EXE, .length = 8};

	made_begin(made);
	made_add(made, &string, sizeof(string), "/bin/any", 8);
	for (int i = 0; i < NR_BLOCKS; i++) {
		while (!is_full(made))
			add_call(made, made->calls % 7 == 0);
		next_block(made);
	}
	made_add(made, &extra, sizeof(extra), NULL, 0);
	for (int i = 0; i < NR_EMPTY; i++)
		next_block(made);
	while (!is_full(made))
		add_call(made, false);
}

static void write_file(const struct made *made)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, made->data, made->size) != (ssize_t)made->size || close(fd))
		exit(1);
}

/* Both walked in step; each call again, from the last one on. Returns the offset of the one in the middle. */
static size_t check_alike(struct vmsc_input *file, struct vmsc_input *memory)
{
	const struct vmsc_record *one, *other;
	size_t *calls = NULL, nr = 0, at, middle;
	bool alike = true;

	do {
		at = memory->trace.offset;
		one = vmsc_trace_next(&file->trace);
		other = vmsc_trace_next(&memory->trace);
		alike = alike && !one == !other && (!one || !memcmp(one, other, other->size));
		if (other && other->type == VMSC_RECORD_CALL)
			APPEND(calls, nr, (size_t)((const char *)other - (const char *)memory->data));
	} while (one && other && memory->trace.offset > at);
	CHECK(alike && !one && !other, "the walk differs before byte %zu", memory->trace.offset);
	CHECK(file->trace.truncated && memory->trace.truncated, "another end");
	middle = nr ? calls[nr / 2] : 0;
	while (nr-- > 0)
		alike = alike && !memcmp(vmsc_input_record(file, calls[nr], VMSC_RECORD_CALL),
					 memory->data + calls[nr], sizeof(struct vmsc_call_record));
	CHECK(alike, "a call looked at again differs");
	free(calls);
	return middle;
}

static void check_calls(struct vmsc_input *file)
{
	struct vmsc_written_call call;
	struct vmsc_analysis analysis;
	uint64_t wrong = 0, seq;

	vmsc_analysis_run(&analysis, file, NULL);
	for (seq = analysis.nr_calls; seq; seq--)
		wrong += !vmsc_analysis_written_call(&analysis, seq, &call) || call.record.stamp != seq - 1;
	CHECK(!wrong, "%llu calls differ", (unsigned long long)wrong);
	CHECK(vmsc_analysis_written_call(&analysis, 8, &call) && call.has_extra && call.extra.size == 7,
	      "what was told of a call");
	CHECK(analysis.strings[VMSC_STRING_EXE].length == 8 &&
		      !memcmp(analysis.strings[VMSC_STRING_EXE].text, "/bin/any", 8),
	      "a string of the first block");
	vmsc_analysis_free(&analysis);
}

/* Status of a child that looks again at the call at @offset when the file has no more than @length. */
static int status_after(struct vmsc_input *file, size_t offset, off_t length)
{
	int status;
	pid_t child = fork();

	if (!child) {
		if (truncate(path, length) || !freopen("/dev/null", "w", stderr))
			_exit(99);
		vmsc_input_record(file, offset, VMSC_RECORD_CALL);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
	struct vmsc_input file, memory = {.path = "memory"};
	struct made made;
	int fd = mkstemp(path);
	size_t middle;

	make(&made);
	if (fd < 0 || close(fd))
		return 1;
	write_file(&made);
	memory.data = made.data;
	memory.size = made.size;
	if (!vmsc_input_open(&file, path) || !vmsc_input_rewind(&memory))
		return 1;
	CHECK(file.blocks, "all of the file is in memory");
	middle = check_alike(&file, &memory);
	if (!vmsc_input_rewind(&file))
		return 1;
	check_calls(&file);
	CHECK(status_after(&file, middle, VMSC_TRACE_HEADER_SIZE) == VMSC_EXIT_TROUBLE,
	      "a file that was shortened");
	vmsc_input_close(&file);
	unlink(path);
	made_free(&made);
	return check_result("blocks");
}

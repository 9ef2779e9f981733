/* SPDX-License-Identifier: MIT */
/*
 * reader.c - from block to block and record to record, through bytes that may be cut off, damaged or hostile.
 */
#include "vmascope/trace.h"

#include <errno.h>

int vmsc_trace_open(struct vmsc_trace *trace, const void *data, size_t size)
{
	int err;

	*trace = (struct vmsc_trace){ .data = data, .size = size, .truncated = true };
	err = vmsc_header_check(data, size, &trace->problem);
	if (err) {
		trace->truncated = false;
		return err;
	}
	trace->offset = trace->block = VMSC_TRACE_HEADER_SIZE;
	return 0;
}

static const struct vmsc_block *block_of(const struct vmsc_trace *trace)
{
	return (const void *)(trace->data + trace->block);
}

static bool is_damaged(struct vmsc_trace *trace, const char *problem)
{
	trace->problem = problem;
	trace->truncated = false;
	return false;
}

/*
 * The records end without the one that says why. A process that is killed leaves that, as does one that still runs, or had
 * no room for that record; but the header would not know of an end then, nor of more blocks.
 */
static bool breaks_off(struct vmsc_trace *trace, const char *problem)
{
	const struct vmsc_trace_header *header = vmsc_trace_header(trace);
	size_t blocks = (trace->size - VMSC_TRACE_HEADER_SIZE + VMSC_TRACE_BLOCK_SIZE - 1) / VMSC_TRACE_BLOCK_SIZE;

	if ((header->ended != VMSC_ENDED_NOT && header->ended != VMSC_ENDED_STOPPED) || header->nr_blocks > blocks)
		return is_damaged(trace, "cut off: the rest of the trace is missing");
	trace->problem = problem;
	return false;
}

/* The file grows before the block is begun, and its magic is written last: the process may have died in between. */
static bool was_begun(const struct vmsc_block *block)
{
	return block->magic || block->sealed || block->used || block->crc;
}

/* Can the current block be read? If not, the walk ends here. */
static bool enter_block(struct vmsc_trace *trace)
{
	size_t left = trace->size - trace->block;
	const struct vmsc_block *block = block_of(trace);

	if (!left)
		return breaks_off(trace, "it ends between two blocks");
	if (trace->enter)
		trace->enter(trace->ctx, trace->block);
	if (left < sizeof(*block))
		return is_damaged(trace, "cut off in a block's header");
	if (!was_begun(block))
		return breaks_off(trace, "its last block was never written");
	if (block->magic != VMSC_BLOCK_MAGIC)
		return is_damaged(trace, "no block begins here");
	if (block->index != (trace->block - VMSC_TRACE_HEADER_SIZE) / VMSC_TRACE_BLOCK_SIZE)
		return is_damaged(trace, "the block has a wrong number");
	if (block->used > VMSC_TRACE_BLOCK_SIZE - sizeof(*block) || block->used % 8 || block->sealed > 1)
		return is_damaged(trace, "the block's header contradicts itself");
	if (block->first_call != trace->calls + 1)
		return is_damaged(trace, "the block's first call has a wrong number");
	if (block->used <= left - sizeof(*block) && block->sealed &&
	    block->crc != vmsc_crc32c(0, block + 1, block->used))
		return is_damaged(trace, "the block's checksum is wrong");
	trace->offset = trace->block + sizeof(*block);
	return true;
}

/* Bytes of records from the walk's place on; at most as many as the file holds. */
static size_t left_in_block(const struct vmsc_trace *trace)
{
	size_t end = trace->block + sizeof(struct vmsc_block) + block_of(trace)->used;

	if (end > trace->size)
		end = trace->size;
	return end > trace->offset ? end - trace->offset : 0;
}

static bool next_block(struct vmsc_trace *trace)
{
	const struct vmsc_block *block = block_of(trace);
	bool sealed = block->sealed;

	if (trace->size - trace->block < sizeof(*block) + block->used)
		return is_damaged(trace, "cut off in a block");
	if (trace->size - trace->block <= VMSC_TRACE_BLOCK_SIZE)
		return breaks_off(trace, "it ends without the record that says why");
	trace->block += VMSC_TRACE_BLOCK_SIZE;
	trace->offset = trace->block;
	if (!enter_block(trace))
		return false;
	return sealed || is_damaged(trace, "the block before was not closed");
}

/* END is the last record of its block, and its block the last one. */
static bool is_more_behind(const struct vmsc_trace *trace)
{
	return trace->offset != trace->block + sizeof(struct vmsc_block) + block_of(trace)->used ||
	       trace->size - trace->block > VMSC_TRACE_BLOCK_SIZE;
}

static const struct vmsc_record *take(struct vmsc_trace *trace, size_t left)
{
	const struct vmsc_record *record = (const void *)(trace->data + trace->offset);
	const char *what;

	if (trace->block + sizeof(struct vmsc_block) + block_of(trace)->used > trace->size &&
	    (left < sizeof(*record) || record->size > left)) {
		is_damaged(trace, "cut off in a record");
		return NULL;
	}
	if (vmsc_record_check(record, left, &what)) {
		is_damaged(trace, what ? what : "a record without a type");
		return NULL;
	}
	trace->offset += record->size;
	trace->calls += record->type == VMSC_RECORD_CALL;
	if (record->type == VMSC_RECORD_END) {
		trace->truncated = false;
		if (is_more_behind(trace))
			trace->problem = "records follow after the end";
	}
	return record;
}

/* Has the walk come to its end, good or bad? */
static bool is_over(const struct vmsc_trace *trace)
{
	return trace->problem || !trace->truncated;
}

const struct vmsc_record *vmsc_trace_next(struct vmsc_trace *trace)
{
	size_t left;

	if (is_over(trace))
		return NULL;
	if (trace->offset == VMSC_TRACE_HEADER_SIZE && !enter_block(trace))
		return NULL;
	while (!(left = left_in_block(trace))) {
		if (!next_block(trace))
			return NULL;
	}
	return take(trace, left);
}

/* SPDX-License-Identifier: MIT */
/*
 * wrap.h - any bytes as the records of a trace: a header and an unsealed block around them.
 */
#ifndef VMASCOPE_TESTS_WRAP_H
#define VMASCOPE_TESTS_WRAP_H

#include "fuzz.h"

#include "vmascope/trace.h"

/* The caller frees it. */
static inline unsigned char *fuzz_wrap(const uint8_t *data, size_t size, size_t *whole)
{
	size_t used = (size + 7) & ~(size_t)7;
	struct vmsc_trace_header *header;
	struct vmsc_block *block;
	unsigned char *trace;

	*whole = VMSC_TRACE_HEADER_SIZE + sizeof(*block) + used;
	trace = calloc(1, *whole);
	REQUIRE(trace, "no memory");
	header = (void *)trace;
	block = (void *)(trace + VMSC_TRACE_HEADER_SIZE);
	*header = (struct vmsc_trace_header){.magic = {'v', 'm', 'a', 's', 'c', 'o', 'p', 'e'},
					     .version = VMSC_TRACE_VERSION,
					     .header_size = VMSC_TRACE_HEADER_SIZE,
					     .endian = VMSC_TRACE_ENDIAN,
					     .block_size = VMSC_TRACE_BLOCK_SIZE,
					     .page_size = VMSC_PAGE_SIZE};
	header->crc = vmsc_crc32c(0, header, offsetof(struct vmsc_trace_header, crc));
	*block = (struct vmsc_block){.magic = VMSC_BLOCK_MAGIC, .used = (uint32_t)used, .first_call = 1};
	memcpy(block + 1, data, size);
	return trace;
}

#endif

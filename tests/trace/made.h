/* SPDX-License-Identifier: MIT */
/*
 * made.h - a trace made in memory, block by block, by hand: what no recorder would write can be made too.
 */
#ifndef VMASCOPE_TESTS_MADE_H
#define VMASCOPE_TESTS_MADE_H

#include "vmascope/trace.h"

struct made {
	unsigned char *data;
	size_t size;  /* up to the last record */
	size_t room;  /* bytes that @data has */
	size_t block; /* offset of the block that grows */
	uint64_t calls;
};

void made_begin(struct made *made); /* the header, and the first block */
void made_free(struct made *made);

struct vmsc_trace_header *made_header(struct made *made);
struct vmsc_block *made_block(struct made *made);

/* @record is a whole fixed part whose head.type is set; @tail follows it. */
void made_add(struct made *made, const void *record, size_t fixed, const void *tail, size_t length);
void made_seal(struct made *made);
void made_next_block(struct made *made); /* fills the block's rest with zeros and begins another */

/* One record of every kind, twice a call, and all that belongs together, up to END. */
void made_every_record(struct made *made);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * input.h - a trace named on the command line, whichever form it has, ready to be walked.
 */
#ifndef VMSC_ANALYZER_INPUT_H
#define VMSC_ANALYZER_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "blocks.h"
#include "spool.h"
#include "vmascope/trace.h"

/*
 * A record that the walk gave is there until the next one: what is kept of it is copied. A call's is had
 * again by vmsc_input_record().
 */
struct vmsc_input {
	const char *path;
	unsigned char *data; /* the trace, or the image made of JSON Lines */
	size_t size;
	struct vmsc_trace trace;
	struct vmsc_blocks *blocks; /* a trace in a file, part of which lies at data; NULL: all of it does */
	struct vmsc_spool spool;    /* that has it then */
};

/* False when it can't be read: one line on stderr says what, where and what to do. */
bool vmsc_input_open(struct vmsc_input *input, const char *path);
/* To its first record again. */
bool vmsc_input_rewind(struct vmsc_input *input);
void vmsc_input_close(struct vmsc_input *input);

/*
 * The record at @offset, where a walk found one of @type, until the next one is asked for. Should the file
 * have been changed meanwhile, the program says so and ends.
 */
const struct vmsc_record *vmsc_input_record(struct vmsc_input *input, size_t offset, unsigned int type);

/* After a walk: is something wrong with the bytes (not merely cut off)? Then one line on stderr says so. */
bool vmsc_input_complain_if_damaged(const struct vmsc_input *input);

#endif

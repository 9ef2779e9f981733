/* SPDX-License-Identifier: MIT */
/*
 * image.h - a trace as it would lie in a file, built up record by record.
 *
 * What does not come from a recorder (JSON Lines) becomes such an image, so that there is one way to read a
 * trace.
 */
#ifndef VMSC_ANALYZER_IMAGE_H
#define VMSC_ANALYZER_IMAGE_H

#include <stddef.h>

#include "spool.h"
#include "vmascope/trace.h"

struct vmsc_image {
	struct vmsc_spool bytes;
	size_t size;
	size_t block; /* offset of the block that grows */
	uint64_t calls;
	bool ended; /* an END record was added */
};

/* @header gives what is not computed here: pid, times, modes, counts. */
void vmsc_image_begin(struct vmsc_image *image, const struct vmsc_trace_header *header);

/* A record of @fixed bytes whose head.type and head.flags are set, with @length bytes after it. False: too
 * large. */
bool vmsc_image_add(struct vmsc_image *image, const void *record, size_t fixed, const void *tail,
		    size_t length);

void vmsc_image_finish(struct vmsc_image *image);
void vmsc_image_free(struct vmsc_image *image);

#endif

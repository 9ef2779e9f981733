/* SPDX-License-Identifier: MIT */
/*
 * origins.h - where things of a trace come from: paths of files, modules and offsets of stack frames.
 */
#ifndef VMSC_ANALYZER_ORIGINS_H
#define VMSC_ANALYZER_ORIGINS_H

#include <stddef.h>

#include "vmascope/replay.h"

/* Bytes that somebody else keeps. */
struct vmsc_bytes {
	const char *text;
	size_t length;
};

/* One return address: @offset from the start of a module's lowest mapping, or from 0 without a module. */
struct vmsc_frame {
	struct vmsc_bytes module;
	uint64_t offset;
};

struct vmsc_call_stack {
	uint32_t nr;
	struct vmsc_frame *frames;
};

struct vmsc_origins;

struct vmsc_origins *vmsc_origins_new(void);
void vmsc_origins_free(struct vmsc_origins *origins);

/* Takes note of FILE, NAME, SEEN, STACK and STRING (of a module) records; @mm is the address space at this
 * moment. */
void vmsc_origins_record(struct vmsc_origins *origins, const struct vmsc_record *record,
			 const struct vmsc_mm *mm);

/* No bytes when it isn't known. */
struct vmsc_bytes vmsc_origins_path(const struct vmsc_origins *origins, const struct vmsc_file *file);
struct vmsc_bytes vmsc_origins_name(const struct vmsc_origins *origins, uint32_t id);
/* In hex, of the module at @path. */
struct vmsc_bytes vmsc_origins_build_id(const struct vmsc_origins *origins, struct vmsc_bytes path);
const struct vmsc_call_stack *vmsc_origins_stack(const struct vmsc_origins *origins, uint32_t id);

/* The frame that made the call: the innermost that is neither in the C library nor the dynamic linker. */
const struct vmsc_frame *vmsc_stack_caller(const struct vmsc_call_stack *stack);
/* The same with its callers, at most @max. Returns how many. */
size_t vmsc_stack_callers(const struct vmsc_call_stack *stack, const struct vmsc_frame **frames, size_t max);
/* "libfoo.so+0x1234" with the module's whole path, or without its folders; the caller frees it. */
char *vmsc_frame_text(const struct vmsc_frame *frame);
char *vmsc_frame_short(const struct vmsc_frame *frame);

#endif

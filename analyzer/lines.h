/* SPDX-License-Identifier: MIT */
/*
 * lines.h - a trace as JSON Lines, both ways. docs/calls.schema.json describes each line.
 *
 *   first line        what holds for the whole trace, and the VMAs at start
 *   "call"            a system call            "touch"   anonymous pages found before the next call
 *   "vmas"            a snapshot               "mark"    a remark of the program's
 *   "tables"          page tables around the next call
 *   "define"          a file, stack, name, …   "end"     how the process ended
 */
#ifndef VMSC_ANALYZER_LINES_H
#define VMSC_ANALYZER_LINES_H

#include <stdbool.h>
#include <stdio.h>

#include "image.h"

/* False when the trace is damaged; what came before was written. */
bool vmsc_lines_write(struct vmsc_trace *trace, FILE *out);

/* Reads @size bytes of text. False with *why set to "line N: …" (the caller frees it). */
bool vmsc_lines_read(const char *text, size_t size, struct vmsc_image *image, char **why);

extern const char *const vmsc_capture_mode_names[4]; /* by enum vmsc_capture_mode */
extern const char *const vmsc_ended_names[5];	     /* by enum vmsc_ended */
extern const char *const vmsc_check_mode_names[3];
extern const char *const vmsc_file_kind_names[6]; /* by enum vmsc_file_kind */
const char *vmsc_string_key(unsigned int what);	  /* of enum vmsc_string; NULL: unknown */
/* The place of @text in the @nr @names, @nr when it has none. */
size_t vmsc_name_index(const char *text, const char *const *names, size_t nr);

#endif

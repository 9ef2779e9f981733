/* SPDX-License-Identifier: MIT */
/*
 * naming.h - where the trace and the report go.
 *
 * The trace is made with O_EXCL. Where its name is taken by another process's, ".PID" is appended to both names. Where it
 * is taken by an earlier image of this process (it was exec'ed), that one becomes NAME.PID.exec1, exec2, … and this image
 * takes the name; its report is named likewise.
 */
#ifndef VMSC_NAMING_H
#define VMSC_NAMING_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct vmsc_names {
	char trace[PATH_MAX], report[PATH_MAX]; /* absolute */
	bool keep_trace; /* the user asked for it */
	bool has_pid; /* ".PID" was appended */
	uint32_t nr_earlier; /* images of this process before this one */
};

/* Expands the patterns and makes the trace file. Its descriptor, or -errno. */
int vmsc_naming_open(struct vmsc_names *names);

/* Names of earlier image @index (from 1), in @to; false: too long. */
bool vmsc_naming_earlier(const struct vmsc_names *names, uint32_t index, struct vmsc_names *to);

#endif

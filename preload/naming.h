/* SPDX-License-Identifier: MIT */
/*
 * naming.h - where the trace and the report go.
 *
 * The trace is made with O_EXCL. Where its name is taken by another process's, ".PID" is appended to both names. Where it
 * is taken by an earlier image of this process (it was exec'ed), that one becomes NAME.PID.exec1, exec2, … (NAME.exec1 where
 * the pattern has %p) and this image takes the name; its report is named likewise.
 */
#ifndef VMSC_NAMING_H
#define VMSC_NAMING_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct vmsc_names {
	char trace[PATH_MAX], report[PATH_MAX]; /* absolute */
	bool keep_trace; /* the user asked for it */
	bool appended; /* ".PID" */
};

/* Expands the patterns and makes the trace file. Its descriptor, or -errno. */
int vmsc_naming_open(struct vmsc_names *names);

/* Reads the patterns. Before the program runs. */
void vmsc_naming_begin(void);

/* Could a child's trace be made where the patterns say? Needs no lock. */
bool vmsc_naming_is_reachable(void);

/* The names as they shall be for an image that is about to be replaced: its report is not written yet. False: too long. */
bool vmsc_naming_last(const struct vmsc_names *names, struct vmsc_names *to);

#endif

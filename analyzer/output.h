/* SPDX-License-Identifier: MIT */
/*
 * output.h - files that hold what a trace tells. They are for their owner alone, and are not written where
 * somebody else may have laid a link, a pipe or a file of his own.
 */
#ifndef VMSC_ANALYZER_OUTPUT_H
#define VMSC_ANALYZER_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/* Opens @path, emptied, for writing. NULL with errno: EPERM when what stands there is not ours to write to.
 */
FILE *vmsc_output_open(const char *path);
/* A new file that nobody had a hand in; NULL with errno. */
FILE *vmsc_output_create(const char *path);
/* Does something stand at @path that is no plain file: a terminal, a pipe? */
bool vmsc_output_is_special(const char *path);

#endif

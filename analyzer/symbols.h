/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - functions, files and lines of stack frames, offline: from the modules as they lie here, if they
 * are the ones that ran, or from where they and their debug information are kept by build-id.
 *
 * For people only: a report in JSON hangs on the trace alone.
 */
#ifndef VMSC_ANALYZER_SYMBOLS_H
#define VMSC_ANALYZER_SYMBOLS_H

#include "origins.h"

struct vmsc_symbols;

/* One place in the source. */
struct vmsc_symbol {
	char *function; /* demangled; "inner in outer" where inner was inlined */
	char *file;	/* without its folders, NULL: not known */
	int line;
};

/* For all that are made from now on: where the traced system's files lie, and folders of debug information
 * with ':' between. NULL: here, and /usr/lib/debug. */
void vmsc_symbols_look_in(const char *sysroot, const char *debug_path);

/* @origins knows the build-ids. */
struct vmsc_symbols *vmsc_symbols_new(const struct vmsc_origins *origins);
void vmsc_symbols_free(struct vmsc_symbols *symbols);

/* NULL when it isn't known. Valid as long as @symbols. */
const struct vmsc_symbol *vmsc_symbols_find(struct vmsc_symbols *symbols, const struct vmsc_frame *frame);

/* How many modules are not the ones that ran, and were found nowhere else. *example is the path of one. */
size_t vmsc_symbols_changed(const struct vmsc_symbols *symbols, const char **example);

#endif

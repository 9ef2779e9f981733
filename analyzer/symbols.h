/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - names of functions, from the modules as they lie on this machine now. For people only: a report
 * in JSON hangs on the trace alone.
 */
#ifndef VMSC_ANALYZER_SYMBOLS_H
#define VMSC_ANALYZER_SYMBOLS_H

#include "origins.h"

struct vmsc_symbols;

struct vmsc_symbols *vmsc_symbols_new(void);
void vmsc_symbols_free(struct vmsc_symbols *symbols);

/* "json_loads" of a frame, NULL when it isn't known. Valid as long as @symbols. */
const char *vmsc_symbols_find(struct vmsc_symbols *symbols, const struct vmsc_frame *frame);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * heap.h - libc's heap for the model: here, unlike inside a traced program, it is ours to use.
 */
#ifndef VMSC_ANALYZER_HEAP_H
#define VMSC_ANALYZER_HEAP_H

#include "vmascope/model.h"

extern const struct vmsc_allocator vmsc_heap;

#endif

/* SPDX-License-Identifier: MIT */
/* snapshot.h - VMAs as the kernel shows them, into the trace. Needs the recorder's lock. */
#ifndef VMSC_SNAPSHOT_H
#define VMSC_SNAPSHOT_H

#include "vmascope/trace.h"

/* The whole address space, with flags. */
void vmsc_snapshot_all(enum vmsc_when when);

/* [start, end), and what is adjacent on each side, with flags: all of smaps is read for it. */
void vmsc_snapshot_flags(enum vmsc_when when, uint64_t start, uint64_t end);

/* The same without flags. */
void vmsc_snapshot_around(enum vmsc_when when, uint64_t start, uint64_t end);

#endif

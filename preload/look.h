/* SPDX-License-Identifier: MIT */
/* look.h - what the kernel shows of the address space. Needs the recorder's lock. */
#ifndef VMSC_LOOK_H
#define VMSC_LOOK_H

#include "vmascope/trace.h"

typedef int (*vmsc_look_emit)(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length);

/* The VMA that contains or follows @addr, without name and flags: 0, -ENOENT: none, -errno. */
int vmsc_look_vma(uint64_t addr, struct vmsc_seen_record *seen);

/* The same, without the lock: only where the kernel answers at once. */
int vmsc_look_quick(uint64_t addr, struct vmsc_seen_record *seen);

/* Is there an anonymous page in [start, end)? Then *addr is where. */
bool vmsc_look_anon(uint64_t start, uint64_t end, uint64_t *addr);

/*
 * Where [start, end) has pages, as ranges that agree with the truth in the slots of 2 MiB that they touch. Returns: how many,
 * at most @max; *complete: these are all.
 */
size_t vmsc_look_populated(uint64_t start, uint64_t end, struct vmsc_range *ranges, size_t max, bool *complete);

/* Every VMA, with (smaps) or without (maps) its flags. 0, or -errno. */
int vmsc_look_all(bool flags, vmsc_look_emit emit, void *ctx);

/* vm_flags of the VMA that contains @addr; 0: not found. */
/* Is there a page at @addr, that can be read without waiting for whoever gives it? */
bool vmsc_look_is_present(uint64_t addr);

uint64_t vmsc_look_flags(uint64_t addr);

/* A forked child: nothing of what was learned of the parent's files holds. */
void vmsc_look_forget(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * arena.h - the recorder's memory, far from the program's: one slot of 64 GiB of addresses that belongs to us, with
 *
 *   state      pages that a forked child finds zeroed
 *   header     the trace's first page, shared with the file
 *   ballast    a page that is given up when nothing can be mapped
 *   window     the trace's current block, shared with the file
 *   arena      private memory: the live model, tables, buffers
 *   libraries  the unwinder's
 *   pool       what the unwinder asks for
 *
 * so far apart that none is adjacent to another. Only the arena's users take the recorder's lock.
 */
#ifndef VMSC_ARENA_H
#define VMSC_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMSC_OWN_BASE UINT64_C(0x3e0000000000)
#define VMSC_OWN_SIZE UINT64_C(0x1000000000)
#define VMSC_OWN_TRIES 16
/* ThreadSanitizer and MemorySanitizer leave no other room to what they do not know. */
#define VMSC_OWN_LAST_BASE UINT64_C(0x4000000000)
#define VMSC_OWN_STATE 0
#define VMSC_OWN_HEADER UINT64_C(0x1000000)
#define VMSC_OWN_BALLAST UINT64_C(0x1800000)
#define VMSC_OWN_WINDOW UINT64_C(0x2000000)
#define VMSC_OWN_ARENA UINT64_C(0x10000000)
#define VMSC_OWN_LIBRARIES UINT64_C(0x800000000)
#define VMSC_OWN_POOL UINT64_C(0xc00000000)

/* Finds a free slot and makes its first arena memory. 0, or -errno. */
int vmsc_arena_start(void);

/* The slot's first address; 0 before vmsc_arena_start(). */
uint64_t vmsc_arena_base(void);

/* Does [start, end) lie in what we have used of our slot? */
bool vmsc_arena_owns(uint64_t start, uint64_t end);

/*
 * Has [start, end) anything in common with what we use of our slot? What lies within the libraries' part of it, or in their
 * memory, is a matter of theirs.
 */
bool vmsc_arena_overlaps(uint64_t start, uint64_t end);

/* Where the libraries lie that were loaded for us. */
void vmsc_arena_libraries(uint64_t *start, uint64_t *end);

/* A mapping of ours as by mmap, also where the process has as many as it may. */
long vmsc_arena_map(uint64_t at, size_t size, int prot, int flags, int fd, uint64_t offset);

/* Memory of @size bytes, not zeroed; NULL when there is none. Freed with the same size. */
void *vmsc_arena_alloc(size_t size);
void vmsc_arena_free(void *ptr, size_t size);

/* A forked child that can't trust what it was copied: nothing of it is used again. */
void vmsc_arena_restart(void);

/* Anonymous memory for the unwinder; the kernel's answer as mmap would give it. No lock needed. */
long vmsc_arena_pool(size_t size, int prot);

/* Where a library of @size bytes that is loaded for us shall go. */
uint64_t vmsc_arena_library(size_t size);

#endif

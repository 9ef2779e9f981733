/* SPDX-License-Identifier: MIT */
/*
 * intrude.h - calls of the program that would take from us the memory that we work with. Nothing is refused: we stop
 * recording, say so in the trace, let go of that memory, and the call is made.
 */
#ifndef VMSC_INTRUDE_H
#define VMSC_INTRUDE_H

#include <stdbool.h>
#include <stdint.h>

/* Does the call unmap, replace, empty or forbid memory in our slot? */
bool vmsc_intrude_is(uint32_t nr, const uint64_t args[6]);

/* Ends the trace and lets go: from here on all calls pass, and nothing of the slot is read any more. */
void vmsc_intrude_yield(void);

/*
 * Then makes the call. The libraries that were loaded for us stay when their memory is unmapped: the loader knows them, and
 * comes back to them when the program ends.
 */
long vmsc_intrude_call(uint32_t nr, const uint64_t args[6]);

#endif

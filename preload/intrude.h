/* SPDX-License-Identifier: MIT */
/*
 * intrude.h - calls of the program that would take from us the memory that we work with. We stop recording, say so in the
 * trace, let go of that memory, and the call is made. Only our libraries stay: all patched calls come to them, and the
 * loader goes through them when the program ends.
 */
#ifndef VMSC_INTRUDE_H
#define VMSC_INTRUDE_H

#include <stdbool.h>
#include <stdint.h>

/* Does the call unmap, replace, empty or forbid memory in our slot? */
bool vmsc_intrude_is(uint32_t nr, const uint64_t args[6]);

/* Ends the trace and lets go: from here on all calls pass, and nothing of the slot is read any more. */
void vmsc_intrude_yield(void);

/* Would it hit our libraries? Also when nothing is recorded any more, it must not. */
bool vmsc_intrude_is_library(uint32_t nr, const uint64_t args[6]);

/*
 * Then makes the call: for what of its range lies beside our libraries, as if there were none. What would have to lie in their
 * place finds no room: -ENOMEM, the one refusal.
 */
long vmsc_intrude_call(uint32_t nr, const uint64_t args[6]);

#endif

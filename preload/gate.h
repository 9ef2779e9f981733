/* SPDX-License-Identifier: MIT */
/* gate.h - the way in for calls that do not come through a slot. */
#ifndef VMSC_GATE_H
#define VMSC_GATE_H

#include <stdbool.h>
#include <stdint.h>

/* The same from an interposed function: its return address and the place of its frame. */
long vmsc_gate_plt(uint32_t nr, const uint64_t args[6], uint64_t caller, uint64_t frame);

/* Can call @nr change the address space by itself? */
bool vmsc_gate_is_vm(uint32_t nr);

#endif

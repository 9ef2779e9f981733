/* SPDX-License-Identifier: MIT */
/* gate.h - the way in for calls that do not come through a slot. */
#ifndef VMSC_GATE_H
#define VMSC_GATE_H

#include <stdbool.h>
#include <stdint.h>

/* The same from an interposed function: its return address and the place of its frame. */
long vmsc_gate_plt(uint32_t nr, const uint64_t args[6], uint64_t caller, uint64_t frame);

/* The same from the handler of a trap: the mask that the program had is at @mask. */
long vmsc_gate_trap(uint32_t nr, const uint64_t args[6], uint64_t frame, const void *mask);

/* Is this trapped call to be made by vmsc_gate_trap()? Any other need not be seen. */
bool vmsc_gate_wants(uint32_t nr, const uint64_t args[6]);

/* Can call @nr change the address space by itself? */
bool vmsc_gate_is_vm(uint32_t nr);

/* Is it captured only for the sake of SIGSYS? Is it mostly to be made in place? Does it make a child? */
bool vmsc_gate_is_signal(uint32_t nr);
bool vmsc_gate_is_in_place(uint32_t nr);
bool vmsc_gate_is_clone(uint32_t nr);

#endif

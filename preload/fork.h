/* SPDX-License-Identifier: MIT */
/* fork.h - children with an address space of their own. */
#ifndef VMSC_FORK_H
#define VMSC_FORK_H

#include <stdint.h>

/* Makes the child by call @nr, with a copy of the model in it that can be trusted; returns in both. */
long vmsc_fork(uint32_t nr, const uint64_t args[6]);

/* In a forked child, at its first captured call: begins its trace. */
void vmsc_fork_child(void);

#endif

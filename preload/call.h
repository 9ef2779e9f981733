/* SPDX-License-Identifier: MIT */
/* call.h - one system call: made, recorded, modelled, all in the kernel's order. */
#ifndef VMSC_CALL_H
#define VMSC_CALL_H

#include "recorder.h"
#include "stack.h"

struct vmsc_captured {
	uint32_t nr, tid, flags; /* VMSC_CALL_… */
	uint64_t args[6];
	int64_t result;
	uint64_t stamp;
	uint32_t stack;
	struct vmsc_extra_record extra;
};

/* Makes the call and records it, if recording is on. Returns the kernel's answer. */
long vmsc_call(uint32_t nr, const uint64_t args[6]);

/* Makes the call and nothing else. */
long vmsc_call_raw(uint32_t nr, const uint64_t args[6]);

/* Parts of vmsc_call() for those that make the call themselves, under the lock. */
void vmsc_call_begin(struct vmsc_captured *call, uint32_t nr, const uint64_t args[6]);
void vmsc_call_write(struct vmsc_captured *call);

/* Writes what was left for the lock's owner. */
void vmsc_call_drain(const struct vmsc_pending *pending);

/* Whether the recorder's locks and model are in a state that only a new start mends: this thread left us by a jump. */
void vmsc_call_recover(void);

#endif

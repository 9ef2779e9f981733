/* SPDX-License-Identifier: MIT */
/* extra.h - what a call's registers only point to, found before and after it is made. Needs the recorder's lock. */
#ifndef VMSC_EXTRA_H
#define VMSC_EXTRA_H

#include "call.h"

/* Arguments that call @nr takes; the others are what happened to be in the registers. */
unsigned int vmsc_extra_nr_args(uint32_t nr);

void vmsc_extra_before(struct vmsc_captured *call);
void vmsc_extra_after(struct vmsc_captured *call);

/* Records that must follow the call: limits or layout that it changed. */
void vmsc_extra_follow(const struct vmsc_captured *call);

#endif

/* SPDX-License-Identifier: MIT */
/* memory.h - what the machine has, by /proc/meminfo: on which charging memory and huge pages without a size
 * depend. */
#ifndef VMSC_MEMORY_H
#define VMSC_MEMORY_H

#include <stdbool.h>

#include "vmascope/trace.h"

/*
 * As it is now. @at_refusal: a call was just refused for memory under vm.overcommit_memory 2, so what is
 * committed matters.
 * @admin: may use what is kept for who has CAP_SYS_ADMIN. Needs the recorder's lock.
 */
void vmsc_memory_look(struct vmsc_memory_tail *tail, bool at_refusal, bool admin);

/* Bytes of a huge page where mmap's flags don't say it, as it was at the last look; 0: not known. */
uint64_t vmsc_memory_huge_page(void);

#endif

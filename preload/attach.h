/* SPDX-License-Identifier: MIT */
/* attach.h - what is known of a process when its trace begins. Needs the recorder's lock. */
#ifndef VMSC_ATTACH_H
#define VMSC_ATTACH_H

#include "vmascope/trace.h"

/* Header, names of things, limits, and problems so far. */
void vmsc_attach_tell_process(void);
void vmsc_attach_tell_limits(void);
/* The limits again, if the thread may by now lock more memory than before, or less: capset(), setuid(), a user namespace. */
void vmsc_attach_retell_rights(void);
/* The limits again, if they may have to do with a call that was just refused for memory. */
void vmsc_attach_retell_memory(void);
void vmsc_attach_tell_layout(void);

/* The layout again, where the program may have changed its brk unseen, or by prctl. */
void vmsc_attach_retell_layout(void);

/* The layout of the parent's model, in a forked child. */
void vmsc_attach_write_layout(const struct vmsc_layout *layout);

void vmsc_attach_fill_header(struct vmsc_trace_header *header);

/* Clock ticks after boot at which this process began (/proc/PID/stat field 22). */
uint64_t vmsc_attach_process_started(void);

/* A fresh live model, when one is wanted. */
void vmsc_attach_new_model(void);

#endif

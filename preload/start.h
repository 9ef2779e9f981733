/* SPDX-License-Identifier: MIT */
/* start.h - beginning a trace, in the constructor and in forked children. */
#ifndef VMSC_START_H
#define VMSC_START_H

#include "naming.h"

extern struct vmsc_names vmsc_names; /* of this process's trace and report */

/* Makes the trace file with its header. 0, or -errno. */
int vmsc_start_trace(void);

/* Writes the process and its VMAs as they are now. */
void vmsc_start_from_maps(void);

/* What is begun goes on; or stops at once, where the process may have too few descriptors. */
void vmsc_start_recording(void);

/* Ends the trace that was and begins another, after an exec that failed. Needs the recorder's lock. */
void vmsc_start_again(void);

#endif

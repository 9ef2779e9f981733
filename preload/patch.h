/* SPDX-License-Identifier: MIT */
/* patch.h - libc's and ld.so's system-call sites: found, redirected to slots, proven. Before the program runs. */
#ifndef VMSC_PATCH_H
#define VMSC_PATCH_H

#include <stdbool.h>

/* Patches what can be patched. False: nothing was, capture by symbol interposition is all there is. */
bool vmsc_patch_all(void);

/* Calls libc's functions to see that they arrive at the gate; the calls are not made. */
bool vmsc_patch_prove(void);

/* SITE records. Needs the recorder's lock. */
void vmsc_patch_tell(void);

#endif

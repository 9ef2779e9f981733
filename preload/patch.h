/* SPDX-License-Identifier: MIT */
/* patch.h - libc's and ld.so's system-call sites: found, redirected to slots, proven. Before the program runs. */
#ifndef VMSC_PATCH_H
#define VMSC_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Patches what can be patched. False: nothing was, capture by symbol interposition is all there is. */
bool vmsc_patch_all(void);

/* Was every site of libc patched that calls what the gate wants? */
bool vmsc_patch_is_complete(void);

/* Writes text. False: it can't be, or not as it should. */
bool vmsc_patch_write(uint64_t at, const void *bytes, size_t size);

/* A jump to @target instead of the five bytes at @at. */
bool vmsc_patch_jump(uint64_t at, const char *target);

/* Calls libc's functions to see that they arrive at the gate; the calls are not made. */
bool vmsc_patch_prove(void);

/* SITE records. Needs the recorder's lock. */
void vmsc_patch_tell(void);

#endif

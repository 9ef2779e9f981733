/* SPDX-License-Identifier: MIT */
/* fdhooks.h - calls that end or overwrite descriptors: file identities end with them, and our own are kept out of it. */
#ifndef VMSC_FDHOOKS_H
#define VMSC_FDHOOKS_H

#include <stdint.h>

long vmsc_fdhook_close(const uint64_t args[6]);
long vmsc_fdhook_close_range(const uint64_t args[6]);
long vmsc_fdhook_dup(uint32_t nr, const uint64_t args[6]);

#endif

/* SPDX-License-Identifier: MIT */
/* own.h - which addresses belong to the recorder: its slot far away, with the unwinder in it, and its library. */
#ifndef VMSC_OWN_H
#define VMSC_OWN_H

#include <stdbool.h>
#include <stdint.h>

void vmsc_own_add(uint64_t start, uint64_t end);
bool vmsc_own_contains(uint64_t start, uint64_t end);

/* OWN records of all of them. */
void vmsc_own_tell(void);

/* Finds our library. Returns its path, NULL when it can't be told. */
const char *vmsc_own_find_library(void);

#endif

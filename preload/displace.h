/* SPDX-License-Identifier: MIT */
/*
 * displace.h - sites with other instructions between "mov $NR,%eax" and the system call. The mov becomes a
 * jump to a copy of those instructions, which goes on to the slot. Copies lie in the unused end of libc's
 * last page of text, and so does the door.
 */
#ifndef VMSC_DISPLACE_H
#define VMSC_DISPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libc's text ends at @end. */
void vmsc_displace_begin(uint64_t end);

/* @size bytes of text that are nobody's, 16-byte aligned; 0: there are no more. */
uint64_t vmsc_displace_room(size_t size);

/* Can the instructions in [from, to) be copied? */
bool vmsc_displace_can(const unsigned char *from, const unsigned char *to);

/* Copies them, with a jump to @target behind them. Returns where, 0: it can't be done. */
uint64_t vmsc_displace(const unsigned char *from, const unsigned char *to, const char *target);

#endif

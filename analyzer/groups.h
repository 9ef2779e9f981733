/* SPDX-License-Identifier: MIT */
/*
 * groups.h - things counted under a name, biggest count first.
 */
#ifndef VMSC_ANALYZER_GROUPS_H
#define VMSC_ANALYZER_GROUPS_H

#include <stddef.h>
#include <stdint.h>

struct vmsc_group {
	char *name;
	uint64_t count, bytes;
};

struct vmsc_groups;

struct vmsc_groups *vmsc_groups_new(void);
void vmsc_groups_free(struct vmsc_groups *groups);
/* Takes @name over. */
void vmsc_groups_add(struct vmsc_groups *groups, char *name, uint64_t count, uint64_t bytes);
size_t vmsc_groups_nr(const struct vmsc_groups *groups);
/* Greatest count first, then most bytes, then by name. Valid until the next add. */
const struct vmsc_group *vmsc_groups_sorted(struct vmsc_groups *groups);

#endif

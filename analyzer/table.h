/* SPDX-License-Identifier: MIT */
/*
 * table.h - arrays that grow by appending; they are full at powers of two.
 */
#ifndef VMSC_ANALYZER_TABLE_H
#define VMSC_ANALYZER_TABLE_H

#include "say.h"

/* @table of @nr entries with room for one more. */
static inline void *vmsc_table_room(void *table, size_t nr, size_t size)
{
	if (nr & (nr - 1) || nr == 1)
		return table;
	return vmsc_grow(table, nr ? nr * 2 : 2, size);
}

#define APPEND(table, nr, value)                                                                             \
	((table) = vmsc_table_room((table), (nr), sizeof(*(table))), (table)[(nr)++] = (value))

#endif

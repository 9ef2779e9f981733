/* SPDX-License-Identifier: MIT */
/*
 * tables.h - page tables around a call that may free some: what was populated, and VmPTE before and after. Needs the
 * recorder's lock.
 */
#ifndef VMSC_TABLES_H
#define VMSC_TABLES_H

#include "vmascope/model.h"

/* Looks, if the live model says that @call could free PTE tables. */
void vmsc_tables_before(const struct vmsc_call *call);
/* Right after the call. */
void vmsc_tables_after(void);
/* Writes what was seen, for the call whose record is next. */
void vmsc_tables_write(void);

/* What the process has at its end. */
void vmsc_tables_at_end(void);

#endif

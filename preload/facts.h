/* SPDX-License-Identifier: MIT */
/*
 * facts.h - what a call's registers only point to: open files, names, policies. Each gets a number, told in the trace once
 * before the first call that uses it, and again in a forked child's trace. What nothing names any more is forgotten from time
 * to time; should it come again, it gets another number. Needs the recorder's lock.
 */
#ifndef VMSC_FACTS_H
#define VMSC_FACTS_H

#include "vmascope/trace.h"

/* The file behind @fd; a new one is written to the trace. @sure: closes and dups are seen, so numbers can be trusted. */
uint32_t vmsc_facts_file(int fd, bool sure);

/* A file that the kernel makes for one mapping: kind and mode are known before, device and inode by looking at @addr. */
uint32_t vmsc_facts_hidden_file(enum vmsc_file_kind kind, uint32_t mode, uint64_t addr);

/* A driver's file: the VMA at @addr shows which flags its hook adds. */
void vmsc_facts_learn(uint32_t id, uint64_t addr, bool locked);

/* The name at address @addr of the program; 0: NULL or unreadable. */
uint32_t vmsc_facts_name(uint64_t addr);

/* Memory policy by value, 0 for the default. */
uint32_t vmsc_facts_policy(uint64_t mode, uint64_t nodemask, uint64_t maxnode, uint64_t flags);

const struct vmsc_file *vmsc_facts_of(uint32_t id);

/* A forked child that can't trust what it was copied. */
void vmsc_facts_forget(void);

/* Everything once more, into a trace that begins; with the VMAs of @mm, where a forked child knows them, only what they name. */
void vmsc_facts_tell(const struct vmsc_mm *mm);

#endif

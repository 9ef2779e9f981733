/* SPDX-License-Identifier: MIT */
/*
 * callform.h - one system call in readable form: as a JSON object, both ways, and as a line of text.
 */
#ifndef VMSC_ANALYZER_CALLFORM_H
#define VMSC_ANALYZER_CALLFORM_H

#include <jansson.h>
#include <stdbool.h>

#include "vmascope/trace.h"

/* A call record with its arguments, and what stands in the extra record before it. */
struct vmsc_written_call {
	struct vmsc_call_record record;
	uint64_t args[6];
	bool has_extra;
	struct vmsc_extra_record extra;
};

/* @extra: NULL, or a head of zeros, for none. */
void vmsc_written_call_of(struct vmsc_written_call *call, const struct vmsc_call_record *record,
			  const struct vmsc_extra_record *extra);

json_t *vmsc_call_to_json(const struct vmsc_written_call *call);

/* Fills *call from a JSON object. False with *why set to a sentence (the caller frees it). */
bool vmsc_call_of_json(struct vmsc_written_call *call, const json_t *object, char **why);

/* "mmap(0x0, 8192, r|w, private|anonymous, -1, 0)"; the caller frees it. */
char *vmsc_call_to_text(const struct vmsc_written_call *call);

/* "0x7f…", "0", "-ENOMEM": the result of system call @nr; the caller frees it. */
char *vmsc_result_to_text(unsigned int nr, int64_t result);
json_t *vmsc_result_to_json(unsigned int nr, int64_t result);
/* The name of a system call, also of one that is not in the table; the caller frees it. */
char *vmsc_syscall_text(unsigned int nr);

#endif

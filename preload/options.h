/* SPDX-License-Identifier: MIT */
/* options.h - VMASCOPE_* of the environment. It is hostile input: a bad value is replaced by the default and named. */
#ifndef VMSC_OPTIONS_H
#define VMSC_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define VMSC_DEFAULT_REPORT "vmascope.%e.%p.json"

enum vmsc_check {
	VMSC_CHECK_OFF,
	VMSC_CHECK_EXIT,
	VMSC_CHECK_CALL,
};

struct vmsc_options {
	char report[PATH_MAX], trace[PATH_MAX]; /* patterns; trace empty: beside the report, for the time being */
	char session[PATH_MAX]; /* empty: none */
	char rules[2048], rules_source[32];
	char cache[PATH_MAX]; /* folder in which the launcher keeps what it found out; empty: there is none */
	uint32_t check; /* enum vmsc_check */
	uint32_t capture; /* enum vmsc_capture_mode, as requested */
	bool stacks, follow;
	uint64_t limit; /* bytes that the trace may have, 0: any number */
	bool tables; /* hold page tables that unmappings free against VmPTE, which costs a look at /proc for each */
	bool trap_all; /* for tests: the door is not in libc's text */
	bool is_root; /* the launcher's own child: the launcher writes its report */
};

void vmsc_options_read(struct vmsc_options *options, char **envp);

/* Takes the library at @library and VMASCOPE_* out of the environment, in place: children are not traced. */
void vmsc_options_forget(char **envp, const char *library);

/* Takes @library out of LD_PRELOAD's @list, in place. */
void vmsc_options_drop(char *list, const char *library);

/* The value of @name in @envp, NULL: not set. */
const char *vmsc_options_find(char **envp, const char *name);

#endif

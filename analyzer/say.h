/* SPDX-License-Identifier: MIT */
/*
 * say.h - the command's own words on stderr: one line each, "vmascope: what".
 */
#ifndef VMSC_ANALYZER_SAY_H
#define VMSC_ANALYZER_SAY_H

#include <stddef.h>

/* One line; whatever bytes the arguments bring, it stays one line of printable text. */
void vmsc_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Memory that is there: when there is none the program says so and ends with EXIT_TROUBLE. */
void *vmsc_alloc(size_t size);
void *vmsc_grow(void *ptr, size_t nr, size_t size);
char *vmsc_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vmsc_out_of_memory(void) __attribute__((noreturn));

/* What an end for want of memory or of a sensible option says to the caller; `record` has another one than
 * the readers. */
void vmsc_set_trouble_status(int status);
int vmsc_trouble_status(void);

enum {
	VMSC_EXIT_GOOD = 0,
	VMSC_EXIT_DIFFERS = 1,
	VMSC_EXIT_TROUBLE = 2,
	VMSC_EXIT_RECORD_FAILED = 125,
	VMSC_EXIT_CANNOT_EXECUTE = 126,
	VMSC_EXIT_NOT_FOUND = 127,
};

#endif

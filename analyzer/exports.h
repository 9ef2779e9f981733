/* SPDX-License-Identifier: MIT */
/*
 * exports.h - a trace in the forms of other tools. Addresses and numbers that a reader may round are texts.
 */
#ifndef VMSC_ANALYZER_EXPORTS_H
#define VMSC_ANALYZER_EXPORTS_H

#include "answers.h"

/* What a folded stack is counted by, and what CSV lists. */
enum vmsc_export_of { VMSC_EXPORT_OF_CALLS, VMSC_EXPORT_OF_VMAS, VMSC_EXPORT_OF_BYTES };

/* Chrome's trace format: instants for calls, a counter for VMAs. chrome://tracing and Perfetto read it. */
void vmsc_export_chrome(const struct vmsc_report *report, FILE *out);
/* "main;grow;mmap 12": for flamegraph.pl, inferno, speedscope. */
void vmsc_export_folded(const struct vmsc_report *report, enum vmsc_export_of of, FILE *out);
void vmsc_export_csv(const struct vmsc_report *report, enum vmsc_export_of of, FILE *out);
/* A new database at @path. False: said on stderr. */
bool vmsc_export_sqlite(const struct vmsc_report *report, const char *path);

/* The argument of a call, 0 after the last. */
/* Why call @seq failed, as far as it was the first of its kind; NULL otherwise. */
const struct vmsc_failure *vmsc_failure_of(const struct vmsc_history *history, uint64_t seq);

#endif

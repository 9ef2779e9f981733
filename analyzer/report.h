/* SPDX-License-Identifier: MIT */
/*
 * report.h - what an analysis says, for programs (JSON, docs/report.schema.json) and for people.
 */
#ifndef VMSC_ANALYZER_REPORT_H
#define VMSC_ANALYZER_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "analysis.h"

#define VMSC_REPORT_SCHEMA "vmascope.report/1"

json_t *vmsc_report_json(const struct vmsc_analysis *analysis);
/* The JSON form of the report, as every command writes it. False when @out could not be written. */
bool vmsc_report_write_json(const struct vmsc_analysis *analysis, FILE *out);
/* Reads @trace and puts its report at @path, whole or not at all. False: said on stderr. */
bool vmsc_report_save(const char *trace, const char *path);

void vmsc_report_write_text(const struct vmsc_analysis *analysis, const char *path, FILE *out);
/* The differences of each checkpoint and the first mispredicted call, as `check` prints them. */
void vmsc_report_write_differences(const struct vmsc_analysis *analysis, FILE *out, size_t max);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * report.h - what an analysis says, for programs (JSON, docs/report.schema.json) and for people.
 */
#ifndef VMSC_ANALYZER_REPORT_H
#define VMSC_ANALYZER_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "answers.h"

#define VMSC_REPORT_SCHEMA "vmascope.report/1"

json_t *vmsc_report_json(const struct vmsc_report *report);
/* The JSON form of the report, as every command writes it. False when @out could not be written. */
bool vmsc_report_write_json(const struct vmsc_report *report, FILE *out);
/* What the answers add to it (report_answers.c). */
void vmsc_answers_to_json(const struct vmsc_report *report, json_t *object);
/* Reads @trace and puts its report at @path, whole or not at all. False: said on stderr. */
bool vmsc_report_save(const char *trace, const char *path);
/* The same of the trace that began at @started; false when another file has its name now. */
bool vmsc_report_save_of(const char *trace, const char *path, uint64_t started);
/* The same with no more rights than @owner's, who wrote the trace; nothing may be at @path. Root alone can. */
struct stat;
bool vmsc_report_save_as(const char *trace, const char *path, const struct stat *owner);
/* The same of the moment after call @call, as JSON or for people. */
bool vmsc_report_save_at(const char *trace, const char *path, uint64_t call, bool json);

void vmsc_report_write_text(const struct vmsc_report *report, FILE *out);
/* Its first lines alone. */
void vmsc_report_write_answer(const struct vmsc_report *report, FILE *out);
/* VMAs over time; nothing where little happened. */
void vmsc_report_write_growth(const struct vmsc_report *report, FILE *out);
/* Several processes side by side, children below their parents. */
void vmsc_report_write_tree(const struct vmsc_report *reports, size_t nr, FILE *out);
/* The differences of each checkpoint and the first mispredicted call, as `check` prints them. */
void vmsc_report_write_differences(const struct vmsc_analysis *analysis, FILE *out, size_t max);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * page.h - the report as one self-contained page: counts over time, the address space as a map through time,
 * flame graphs, tables, search. It needs no network and no other file.
 */
#ifndef VMSC_ANALYZER_PAGE_H
#define VMSC_ANALYZER_PAGE_H

#include <jansson.h>

#include "answers.h"

/* @input is walked once more, for the map. */
void vmsc_page_write(const struct vmsc_report *report, struct vmsc_input *input, FILE *out);

/* What the map shows: the VMAs after some of the calls, each as what has changed since the one before. */
json_t *vmsc_layouts_json(const struct vmsc_report *report, struct vmsc_input *input);

#endif

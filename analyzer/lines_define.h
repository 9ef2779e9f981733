/* SPDX-License-Identifier: MIT */
/*
 * lines_define.h - the first line of JSON Lines and the definitions: files, stacks, names, limits, …
 */
#ifndef VMSC_ANALYZER_LINES_DEFINE_H
#define VMSC_ANALYZER_LINES_DEFINE_H

#include <jansson.h>
#include <stdbool.h>

#include "image.h"

struct vmsc_line_reader {
	struct vmsc_image *image;
	char *why;	  /* the reason of a refusal */
	uint64_t touched; /* pages by "touch" beyond the first of each line, which the line's own length pays
			     for */
};

/* Sets the reason; always false. */
bool vmsc_line_refuse(struct vmsc_line_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool vmsc_line_keys(struct vmsc_line_reader *reader, const json_t *object, const char *keys);
bool vmsc_line_add(struct vmsc_line_reader *reader, const void *record, size_t fixed, const void *tail,
		   size_t length);
/* The same with the bytes of @text (NULL: none), whose number is put in *@length, a field of @record. */
bool vmsc_line_add_text(struct vmsc_line_reader *reader, const void *record, size_t fixed, uint32_t *length,
			const json_t *text);

bool vmsc_line_define(struct vmsc_line_reader *reader, const json_t *line);

/* All of the first line but its VMAs. Begins the image. */
bool vmsc_line_header(struct vmsc_line_reader *reader, const json_t *line);

#endif

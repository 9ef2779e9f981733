/* SPDX-License-Identifier: MIT */
/*
 * value.h - numbers, addresses and bytes as JSON values, both ways.
 *
 * A number that JSON readers may round (2^53 and up) is written as a "0x…" string; every reader here takes
 * both forms.
 */
#ifndef VMSC_ANALYZER_VALUE_H
#define VMSC_ANALYZER_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

json_t *vmsc_json_hex(uint64_t value);
json_t *vmsc_json_number(uint64_t value);
/* As vmsc_json_number(), and UINT64_MAX is "infinity". */
json_t *vmsc_json_limit(uint64_t value);
/* Bytes of any kind as text: what is no UTF-8, and NUL, is written \xNN. The text gives the bytes back. */
json_t *vmsc_json_bytes(const char *bytes, size_t length);
json_t *vmsc_json_text(const char *text);

/* Sets @key; out of memory ends the program, so that no report is ever written half. */
void vmsc_json_put(json_t *object, const char *key, json_t *value);
void vmsc_json_append(json_t *array, json_t *value);

/* A number >= 0, a negative one (as two's complement), "0x…", a decimal string or "infinity". */
bool vmsc_json_get_u64(const json_t *value, uint64_t *number);
/* A new string with the bytes of vmsc_json_bytes(); the caller frees it. NULL when @value is no string. */
char *vmsc_json_get_bytes(const json_t *value, size_t *length);

/* The text form of @bytes alone, for terminals too: control characters are written \xNN as well. Caller
 * frees. */
char *vmsc_printable(const char *bytes, size_t length);
/* "84 KiB"; the caller frees it. */
char *vmsc_size_text(uint64_t bytes);

#endif

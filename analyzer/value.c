/* SPDX-License-Identifier: MIT */
#include "value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

#define EXACT_MAX (UINT64_C(1) << 53)

json_t *vmsc_json_hex(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

json_t *vmsc_json_number(uint64_t value)
{
	return value < EXACT_MAX ? json_integer((json_int_t)value) : vmsc_json_hex(value);
}

json_t *vmsc_json_limit(uint64_t value)
{
	return value == UINT64_MAX ? json_string("infinity") : vmsc_json_number(value);
}

/* Bytes of the UTF-8 sequence at @text, 0 when there is none. Surrogates and overlong forms are none. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	size_t i;

	if (!length || length > left || text[0] > 0xf4)
		return 0;
	for (i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

/* U+0080 to U+009F: terminals take some of them for the beginning of an escape sequence. JSON leaves them as
 * they are. */
static bool is_late_control(const unsigned char *text, size_t left)
{
	return left > 1 && text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f;
}

/* U+202A to U+202E, U+2066 to U+2069: they turn around the text that follows, so that a line shows what it
 * doesn't say. */
static bool is_direction(const unsigned char *text, size_t left)
{
	return left > 2 && text[0] == 0xe2 &&
	       ((text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) ||
		(text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9));
}

/* A backslash before an x is escaped itself, so that the escape can be told from the same letters in a path.
 */
static bool must_escape(const unsigned char *text, size_t left, bool controls)
{
	return !text[0] || text[0] == 0x7f || is_late_control(text, left) || is_direction(text, left) ||
	       (text[0] == '\\' && left > 1 && text[1] == 'x') || (controls && text[0] < 0x20) ||
	       !utf8_length(text, left);
}

static char *escape(const char *bytes, size_t length, bool controls)
{
	const unsigned char *in = (const unsigned char *)bytes;
	char *text = vmsc_alloc(length * 4 + 1), *out = text;
	size_t i = 0, n;

	while (i < length) {
		if (must_escape(in + i, length - i, controls)) {
			out += sprintf(out, "\\x%02x", in[i++]);
			continue;
		}
		n = utf8_length(in + i, length - i);
		memcpy(out, in + i, n);
		out += n;
		i += n;
	}
	*out = '\0';
	return text;
}

json_t *vmsc_json_bytes(const char *bytes, size_t length)
{
	char *text = escape(bytes, length, false);
	json_t *value = json_string(text);

	free(text);
	return value;
}

json_t *vmsc_json_text(const char *text)
{
	return vmsc_json_bytes(text, strlen(text));
}

char *vmsc_printable(const char *bytes, size_t length)
{
	return escape(bytes, length, true);
}

void vmsc_json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		vmsc_out_of_memory();
}

void vmsc_json_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		vmsc_out_of_memory();
}

static bool parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (!strcmp(text, "infinity")) {
		*number = UINT64_MAX;
		return true;
	}
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
	return !errno && end != text && !*end;
}

bool vmsc_json_get_u64(const json_t *value, uint64_t *number)
{
	if (json_is_integer(value)) {
		*number = (uint64_t)json_integer_value(value);
		return true;
	}
	return json_is_string(value) && parse_number(json_string_value(value), number);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *vmsc_json_get_bytes(const json_t *value, size_t *length)
{
	const char *in;
	size_t left, n = 0;
	char *bytes;

	if (!json_is_string(value))
		return NULL;
	in = json_string_value(value);
	left = json_string_length(value);
	bytes = vmsc_alloc(left + 1);
	while (left) {
		if (left >= 4 && in[0] == '\\' && in[1] == 'x' && hex_digit(in[2]) >= 0 &&
		    hex_digit(in[3]) >= 0) {
			bytes[n++] = (char)(hex_digit(in[2]) * 16 + hex_digit(in[3]));
			in += 4;
			left -= 4;
		} else {
			bytes[n++] = *in++;
			left--;
		}
	}
	bytes[n] = '\0';
	*length = n;
	return bytes;
}

char *vmsc_size_text(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = (double)bytes;
	size_t unit = 0;

	while (size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		size /= 1024;
		unit++;
	}
	return vmsc_format(size < 10 && unit && size != (double)(int)size ? "%.1f %s" : "%.0f %s", size,
			   units[unit]);
}

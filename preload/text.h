/* SPDX-License-Identifier: MIT */
/* text.h - building short texts in a given buffer, without stdio. */
#ifndef VMSC_TEXT_H
#define VMSC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmsc_text {
	char *at;
	size_t length, size;
	bool cut; /* something did not fit */
};

static inline struct vmsc_text vmsc_text_in(char *buffer, size_t size)
{
	buffer[0] = '\0';
	return (struct vmsc_text){ buffer, 0, size, false };
}

static inline void vmsc_text_char(struct vmsc_text *text, char c)
{
	if (text->length + 1 >= text->size) {
		text->cut = true;
		return;
	}
	text->at[text->length++] = c;
	text->at[text->length] = '\0';
}

static inline void vmsc_text_put(struct vmsc_text *text, const char *string)
{
	while (*string)
		vmsc_text_char(text, *string++);
}

static inline void vmsc_text_number(struct vmsc_text *text, uint64_t value)
{
	char digits[20];
	int nr = 0;

	do {
		digits[nr++] = '0' + value % 10;
		value /= 10;
	} while (value);
	while (nr)
		vmsc_text_char(text, digits[--nr]);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * kept.c - the file in which the launcher keeps the rules that it found, and from which a bare recorder takes them.
 */
#include "internal.h"

static size_t put_text(char *name, size_t at, const char *text)
{
	for (; *text && at < VMSC_KEPT_RULES_MAX - 10; text++)
		name[at++] = *text;
	return at;
}

static void put_hex(char *to, uint32_t number)
{
	for (int i = 0; i < 8; i++)
		to[i] = "0123456789abcdef"[number >> (28 - 4 * i) & 15];
}

/* Other rules, another version or another build of the kernel: another name. */
static uint32_t build_number(const char *release, const char *version)
{
	uint32_t crc = vmsc_crc32c(0, release, strlen(release));

	crc = vmsc_crc32c(crc, version, strlen(version));
	crc = vmsc_crc32c(crc, VMSC_VERSION, strlen(VMSC_VERSION));
	for (unsigned int rule = 0; rule < VMSC_NR_RULES; rule++)
		crc = vmsc_crc32c(crc, vmsc_rule_name(rule), strlen(vmsc_rule_name(rule)));
	return crc;
}

void vmsc_kept_rules_name(char *name, const char *release, const char *version)
{
	size_t at = put_text(name, 0, "rules-");
	size_t begin = at;

	at = put_text(name, at, release);
	for (size_t i = begin; i < at; i++) {
		if (name[i] == '/')
			name[i] = '_';
	}
	name[at++] = '-';
	put_hex(name + at, build_number(release, version));
	name[at + 8] = '\0';
}

uint32_t vmsc_kept_rules_check(const char *name, const char *text, size_t length)
{
	return vmsc_crc32c(vmsc_crc32c(0, name, strlen(name)), text, length);
}

/* "xxxxxxxx\n" */
static bool parse_hex(const char *text, uint32_t *number)
{
	*number = 0;
	for (int i = 0; i < 8; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			*number = *number << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*number = *number << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	return text[8] == '\n';
}

bool vmsc_kept_rules_parse(struct vmsc_kept_rules *kept, const char *name, const char *text, size_t length)
{
	const size_t head = strlen(VMSC_KEPT_RULES_HEAD), line = 9;
	const char *end;
	uint32_t check;

	if (length <= head || memcmp(text, VMSC_KEPT_RULES_HEAD, head))
		return false;
	kept->names = text + head;
	end = memchr(kept->names, '\n', length - head);
	if (!end || (size_t)(text + length - end) != 1 + 2 * line)
		return false;
	kept->names_length = (size_t)(end - kept->names);
	return parse_hex(end + 1, &kept->experiments) && parse_hex(end + 1 + line, &check) &&
	       check == vmsc_kept_rules_check(name, text, length - line);
}
